"""Octet classes of RFC 9110 and RFC 9112, as 256-entry tables (1 = belongs, 0 = does not).

Every parser here validates by table, octet by octet: never ``int()``, ``strip()`` or ``isdigit()``
on input, which accept signs, underscores, other scripts' digits and more white space than a
protocol does.
"""


def _table(members: bytes) -> bytes:
    return bytes(1 if octet in members else 0 for octet in range(256))


DIGITS = b"0123456789"
ALPHA = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VISIBLE = bytes(range(0x21, 0x7F))

TOKEN_OCTETS = b"!#$%&'*+-.^_`|~" + DIGITS + ALPHA
"""tchar (RFC 9110, section 5.6.2): methods and field names."""

VALUE_OCTETS = b"\t " + VISIBLE + bytes(range(0x80, 0x100))
"""field-vchar, SP and HTAB (RFC 9110, section 5.5); no other control, no DEL."""

TOKEN = _table(TOKEN_OCTETS)
VALUE = _table(VALUE_OCTETS)

TARGET = _table(VISIBLE.replace(b"#", b""))
"""What a request target may hold: visible ASCII but no fragment.

RFC 3986 allows fewer octets; clients send the others raw (``|``, ``{``) and no two servers read
them differently, so they pass.  Octets of 0x80 and above are a client's encoding error.
"""

REG_NAME = _table(b"-._~!$&'()*+;=%" + DIGITS + ALPHA)
"""reg-name of RFC 3986, section 3.2.2, without the comma, which would make a list of hosts."""

HEX = bytes(
    int(chr(octet), 16) if octet in b"0123456789abcdefABCDEF" else 255 for octet in range(256)
)
"""The value of a hexadecimal digit, 255 for any other octet."""
