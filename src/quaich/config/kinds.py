"""The kinds of value an option can hold: how each is read, what it expects, and its Python type.

Reading follows uWSGI where a deployment may rely on it: a flag is false only for the whole words
``false``, ``off``, ``no`` and ``0``, and a number is the digits that a value begins with.  What
uWSGI reads by luck is kept and remarked on (``60 ; note`` is 60).  Three of its readings no
deployment can have wanted and are refused or mended here: text that holds no number at all, which
uWSGI takes for 0, is an error, a unit (``5m``, ``64k``), which uWSGI drops, counts, and a flag
with a comment behind it is what stands before the comment.

A kind refuses by raising ``Refused``, whose text says what was expected; who called adds the
place and the option's name.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from quaich.config import metrics, outlets
from quaich.patterns import pattern
from quaich.values import dataclass

DEFAULT_KEEPALIVE = 75
DEFAULT_DATE = "%a %b %e %H:%M:%S %Y"
AUTO = 0
"""The number of processes that stands for as many as there are processors."""

_FALSE_WORDS = frozenset(("false", "off", "no", "0"))
_NICENESS = pattern(r"[ \t]*[+-]?[0-9]{1,2}[ \t]*")
_SOCKET_MAP = pattern(r"[0-9]{1,4}:[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})*")
_TRUE_WORDS = frozenset(("", "true", "on", "yes", "1"))
_NUMBER = pattern(r"[ \t]*([+-]?)([0-9]+)(.*)", re.DOTALL)
_COMMENT = pattern(r"[ \t]+[;#]")
_BLANK_AND_COMMENT = pattern(r"[ \t][;#]")
# A number longer than this is no count, time or size of anything; it also bounds int().
_MAX_DIGITS = 18

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}


class Refused(ValueError):
    """A value that a kind cannot read; the text completes "expected ..."."""


class Reading(NamedTuple):
    """What a value means, and a remark (with its code) when something else was probably meant."""

    value: object
    remark: str = ""
    code: str = ""


@dataclass(frozen=True)
class Kind:
    """How values of one kind are read and written; ``repeats`` collects every occurrence."""

    name: str
    python: str
    expected: str
    read: Callable[[str | None], Reading]
    write: Callable[[object], str] = str
    repeats: bool = False


def is_false(text: str | None) -> bool:
    """Whether uWSGI reads this as a false flag; no value at all is true."""
    return text is not None and text.lower() in _FALSE_WORDS


def _read_flag(text: str | None) -> Reading:
    if text is None or text.lower() in _TRUE_WORDS:
        return Reading(True)
    if is_false(text):
        return Reading(False)
    comment = _BLANK_AND_COMMENT.search(text)
    if comment:
        # uWSGI takes the whole for a word that is not false: "false ; not wanted" switches it on.
        meant = not is_false(text[: comment.start()].rstrip(" \t"))
        remark = f"read as {_write_flag(meant)}: a comment must stand on a line of its own"
        return Reading(meant, remark, "QX120")
    remark = f'"{text}" counts as true: only false, off, no and 0 alone are false'
    return Reading(True, remark, "QX124")


def _read_number(text: str | None, expected: str, units: dict[str, int]) -> Reading:
    match = _NUMBER.fullmatch(text or "")
    if match is None:
        raise Refused(expected)
    sign, digits, rest = match.groups()
    if len(digits) > _MAX_DIGITS or (sign == "-" and digits.strip("0")):
        raise Refused(expected)
    number = int(digits)
    rest = rest.rstrip()
    if not rest:
        return Reading(number)
    comment = _COMMENT.match(rest)
    if comment:
        remark = f"read as {number}: a comment must stand on a line of its own"
        return Reading(number, remark, "QX120")
    factor = units.get(rest.strip().lower())
    if factor is None:
        remark = f'read as {number}: "{rest.strip()}" after the number is ignored'
        return Reading(number, remark, "QX122")
    if factor == 1:
        return Reading(number, f"read as {number}; uWSGI drops the unit", "QX123")
    remark = f"read as {number * factor}; uWSGI would read {number}"
    return Reading(number * factor, remark, "QX123")


def _bounded(reading: Reading, expected: str, minimum: int, maximum: int | None) -> Reading:
    value = reading.value
    assert isinstance(value, int)
    if value < minimum or (maximum is not None and value > maximum):
        raise Refused(expected)
    return reading


def _range_text(what: str, minimum: int, maximum: int | None) -> str:
    if maximum is not None:
        return f"{what} from {minimum} to {maximum}"
    return f"{what} of at least {minimum}" if minimum else what


def count(minimum: int = 0, maximum: int | None = None) -> Kind:
    """A whole number within bounds."""
    expected = _range_text("a number", minimum, maximum)

    def read(text: str | None) -> Reading:
        return _bounded(_read_number(text, expected, {}), expected, minimum, maximum)

    return Kind("number", "int", expected, read)


def seconds(minimum: int = 0) -> Kind:
    """A duration: ``30``, ``30s``, ``5m``, ``2h``, ``1d``."""
    expected = f"seconds, at least {minimum}" if minimum else "seconds"

    def read(text: str | None) -> Reading:
        return _bounded(_read_number(text, expected, _SECONDS), expected, minimum, None)

    return Kind("seconds", "int", expected, read)


def size(minimum: int = 0, clamp: int | None = None) -> Kind:
    """A number of bytes: ``65535``, ``64k``, ``10m``; as in uWSGI, no more than ``clamp``."""
    expected = _range_text("bytes", minimum, None)

    def read(text: str | None) -> Reading:
        reading = _bounded(_read_number(text, expected, _BYTES), expected, minimum, None)
        value = reading.value
        if clamp is not None and isinstance(value, int) and value > clamp:
            return Reading(clamp, f"read as {clamp}, the most it can be", "QX132")
        return reading

    return Kind("bytes", "int", expected, read)


def _read_keepalive(text: str | None) -> Reading:
    # uWSGI switches on keep-alive without a limit of its own for 1 (and for a bare flag), and
    # takes larger numbers for seconds; 1 therefore means "on", never "one second".
    if text is None or text.lower() in _TRUE_WORDS:
        return Reading(DEFAULT_KEEPALIVE)
    if is_false(text):
        return Reading(0)
    return _read_number(text, KEEPALIVE.expected, _SECONDS)


def _read_socket_map(text: str | None) -> Reading:
    if not _SOCKET_MAP.fullmatch(text or ""):
        raise Refused(SOCKET_MAP.expected)
    return Reading(text)


def _read_niceness(text: str | None) -> Reading:
    if not _NICENESS.fullmatch(text or "") or not -20 <= int(text or "") <= 19:
        raise Refused(NICENESS.expected)
    return Reading(int(text or ""))


def _octal(text: str, expected: str) -> int:
    if re.fullmatch("[0-7]{3}", text) is None:
        raise Refused(expected)
    return int(text, 8)


def _read_mode(text: str | None) -> Reading:
    if text is None:
        return Reading(0o666)
    return Reading(_octal(text, MODE.expected))


def _read_umask(text: str | None) -> Reading:
    if text is None or re.fullmatch("0?[0-7]{1,3}", text) is None:
        raise Refused(UMASK.expected)
    return Reading(int(text, 8))


def _write_octal(value: object) -> str:
    return f"{value:03o}"


def _write_flag(value: object) -> str:
    return "true" if value else "false"


def _text_reader(expected: str) -> Callable[[str | None], Reading]:
    def read(text: str | None) -> Reading:
        if not text:
            raise Refused(expected)
        return Reading(text)

    return read


def _pair_reader(expected: str) -> Callable[[str | None], Reading]:
    def read(text: str | None) -> Reading:
        key, equals, _ = (text or "").partition("=")
        if not key or not equals:
            raise Refused(expected)
        return Reading(text)

    return read


def _text(name: str, expected: str) -> Kind:
    return Kind(name, "str", expected, _text_reader(expected))


def _texts(name: str, expected: str) -> Kind:
    return Kind(name, "tuple[str, ...]", expected, _text_reader(expected), repeats=True)


def _read_peers(text: str | None) -> Reading:
    # Rarely needed, and not small.
    import ipaddress

    words = [word.strip() for word in (text or "").split(",")]
    for word in words:
        try:
            if word not in ("unix", "*"):
                ipaddress.ip_network(word)
        except ValueError:
            raise Refused(PEERS.expected) from None
    return Reading(",".join(words))


def _read_encrypted(text: str | None) -> Reading:
    parts = (text or "").split(",")
    if not 3 <= len(parts) <= 5 or not all(parts[:3]) or parts[-1] in ("", "!"):
        raise Refused(ENCRYPTED.expected)
    return Reading(text)


_PAIR_NAMES = {"addr": 0, "cert": 1, "crt": 1, "key": 2, "ciphers": 3, "clientca": 4}


def _read_encrypted_pairs(text: str | None) -> Reading:
    """The same in pairs, as ``https2`` has it; read as the other writes it."""
    parts = [""] * 5
    for pair in (text or "").split(","):
        name, equals, value = pair.partition("=")
        index = _PAIR_NAMES.get(name.replace("client_ca", "clientca"))
        if index is None or not equals or not value or parts[index]:
            raise Refused(ENCRYPTED_PAIRS.expected)
        parts[index] = value
    if not all(parts[:3]):
        raise Refused(ENCRYPTED_PAIRS.expected)
    while not parts[-1]:
        parts.pop()
    return Reading(",".join(parts))


def _parsed(name: str, expected: str, parse: Callable[[str], object]) -> Kind:
    def read(text: str | None) -> Reading:
        try:
            parse(text or "")
        except ValueError as error:
            raise Refused(str(error)) from None
        return Reading(text)

    return Kind(name, "tuple[str, ...]", expected, read, repeats=True)


def _read_path_or_off(text: str | None) -> Reading:
    if not text:
        raise Refused("a path, or false")
    return Reading("" if is_false(text) else text)


_CAPABILITIES = (
    "audit_control audit_read audit_write block_suspend bpf checkpoint_restore chown dac_override "
    "dac_read_search fowner fsetid ipc_lock ipc_owner kill lease linux_immutable mac_admin "
    "mac_override mknod net_admin net_bind_service net_broadcast net_raw perfmon setfcap setgid "
    "setpcap setuid sys_admin sys_boot sys_chroot sys_module sys_nice sys_pacct sys_ptrace "
    "sys_rawio sys_resource sys_time sys_tty_config syslog wake_alarm"
)


def _read_capabilities(text: str | None) -> Reading:
    names = [word.strip().lower().removeprefix("cap_") for word in (text or "").split(",")]
    unknown = next((name for name in names if name not in _CAPABILITIES.split()), None)
    if unknown is not None:
        raise Refused(CAPABILITIES.expected)
    return Reading(",".join(names))


def _read_processes(text: str | None) -> Reading:
    if text == "auto":
        return Reading(AUTO)
    return _bounded(_read_number(text, PROCESSES.expected, {}), PROCESSES.expected, 1, 4096)


def _write_processes(value: object) -> str:
    return "auto" if value == AUTO else str(value)


def _read_date(text: str | None) -> Reading:
    return Reading(DEFAULT_DATE if not text or text.lower() in _TRUE_WORDS else text)


def choice(values: tuple[str, ...], later: tuple[str, ...] = ()) -> Kind:
    """One of a few words; those in ``later`` are known to uWSGI and not served yet."""
    expected = " or ".join(values)

    def read(text: str | None) -> Reading:
        if text in values:
            return Reading(text)
        if text in later:
            raise Refused(f"{expected} ({text} is not supported yet)")
        raise Refused(expected)

    return Kind("word", "str", expected, read)


def pairs(expected: str) -> Kind:
    """``key=value``, every occurrence kept."""
    return Kind("key=value", "tuple[str, ...]", expected, _pair_reader(expected), repeats=True)


DATE = Kind("strftime", "str", "a strftime form, or true", _read_date)
FLAG = Kind("flag", "bool", "true or false", _read_flag, _write_flag)
KEEPALIVE = Kind("keep-alive", "int", "seconds, or true or false", _read_keepalive)
MODE = Kind("mode", "int", "three octal digits such as 660", _read_mode, _write_octal)
NICENESS = Kind("number", "int", "a number from -20 to 19", _read_niceness)
UMASK = Kind("umask", "int", "octal digits such as 022", _read_umask, _write_octal)
NUMBER = count()
SECONDS = seconds()
STRING = _text("string", "a value")
STRINGS = _texts("string", "a value")
PATH = _text("path", "a path")
PATHS = _texts("path", "a path")
PATH_OR_OFF = Kind(
    "path", "str", "a path, or false", _read_path_or_off, lambda value: str(value) or "false"
)
PEERS = Kind(
    "peers",
    "str",
    "addresses and networks such as 10.0.0.0/8, unix, or *, separated by commas",
    _read_peers,
)
ADDRESSES = _texts("address", "an address such as 127.0.0.1:8080 or /run/app.sock")
ENCRYPTED = Kind(
    "address,certificate,key",
    "tuple[str, ...]",
    "address,certificate,key and, if wanted, ciphers and client CA (with ! it is required)",
    _read_encrypted,
    repeats=True,
)
ENCRYPTED_PAIRS = Kind(
    "addr=,cert=,key=",
    "tuple[str, ...]",
    "addr=ADDRESS,cert=FILE,key=FILE and, if wanted, ciphers=LIST and clientca=FILE",
    _read_encrypted_pairs,
    repeats=True,
)
SOCKET_MAP = Kind(
    "socket:workers",
    "tuple[str, ...]",
    "socket:worker,worker (sockets count from 0, workers from 1)",
    _read_socket_map,
    repeats=True,
)
VARIABLES = _texts("NAME=value", "NAME=value, or NAME alone to remove it")
USER = _text("user", "a user name or number")
GROUP = _text("group", "a group name or number")
GROUPS = _texts("group", "a group name or number")
CAPABILITIES = Kind(
    "capabilities",
    "str",
    "names of capabilities such as net_bind_service, separated by commas",
    _read_capabilities,
)
PROCESSES = Kind(
    "number", "int", "a number from 1 to 4096, or auto", _read_processes, _write_processes
)
OWNER = _text("owner", "user, user:group or :group")
PUSHES = _parsed("destination", outlets.EXPECTED_PUSH, outlets.push)
ALARMS = _parsed("alarm", outlets.EXPECTED_ALARM, outlets.alarm)
FD_ALARMS = _parsed("alarm", outlets.EXPECTED_FD_ALARM, outlets.fd_alarm)
LOG_ALARMS = _parsed("alarm", outlets.EXPECTED_LOG_ALARM, outlets.log_alarm)
METRICS = _parsed("metric", metrics.EXPECTED, metrics.metric)
THRESHOLDS = _parsed("threshold", outlets.EXPECTED_THRESHOLD, outlets.threshold)
CARBONS = _parsed("address", outlets.EXPECTED_CARBON, outlets.carbon)
ANYTHING = Kind("text", "str", "a value", lambda text: Reading(text or ""))

BY_NAME = {
    "bool": FLAG,
    "int": NUMBER,
    "seconds": SECONDS,
    "string": ANYTHING,
    "stringlist": ANYTHING,
    "special": ANYTHING,
}
"""The kinds of the rows that are known but not supported yet, by the words in their tables."""
