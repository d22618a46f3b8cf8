"""Hiding what must not be shown: values of secret-like names, and passwords inside URLs."""

import re

MASK = "********"
_SECRET = re.compile(
    r"(?:^|[-_.])(?:(?:pg)?pass(?:word|wd|phrase)?|pwd|secrets?|tokens?|(?:api|private|secret|access|auth|"
    r"encryption|signing)?[-_.]?keys?|credentials?|auth|dsn|cookie)(?:$|[-_.])",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@]*(?:@)")
_INSIDE = re.compile(r"((?:^|[,;:&?\s])([\w.-]+)=)([^,;&\s]+)")
# A name that ends like a secret without being one.
_PUBLIC = re.compile(r"(?:monkey|keep.?alive|public[-_]key)", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a name says that its value is a secret."""
    return _SECRET.search(name) is not None and _PUBLIC.search(name) is None


def mask(name: str, value: str) -> str:
    """The value of a setting, fit to be shown."""
    if is_secret(name):
        return MASK
    value = _USERINFO.sub(rf"\1{MASK}@", value)

    def hide(match: re.Match[str]) -> str:
        return match.group(1) + MASK if is_secret(match.group(2)) else match.group()

    return _INSIDE.sub(hide, value)


def mask_pair(pair: str) -> str:
    """``NAME=value``, fit to be shown."""
    name, equals, value = pair.partition("=")
    return f"{name}{equals}{mask(name, value)}" if equals else pair
