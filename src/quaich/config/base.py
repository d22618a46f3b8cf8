"""What the generated ``Config`` is made of besides its option fields.

The frozen pieces (a listener, a remark), and the JSON round trip by which a configuration reaches
a freshly executed interpreter.  A text that is not a configuration of this version is refused.
"""

import json
from typing import Any, TypeVar

from quaich.errors import ConfigError
from quaich.values import asdict, dataclass, fields

ERROR = "error"
WARNING = "warning"
NOTE = "note"

_C = TypeVar("_C", bound="ConfigBase")


def printable(text: str) -> str:
    """A text as one line that cannot move the cursor: what does not print is shown escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


@dataclass(frozen=True)
class Diagnostic:
    """Something the operator should know about the configuration; it never stops a start.

    ``code`` is its row in ``quaich.config.codes``, ``key`` the option as it was written; ``line``
    and ``column`` count from 1 and are 0 when there is none.
    """

    severity: str
    place: str
    text: str
    code: str = ""
    line: int = 0
    column: int = 0
    key: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.text}" if self.place else self.text
        return printable(f"{text} [{self.code}]" if self.code else text)


@dataclass(frozen=True)
class Encryption:
    """What a listener encrypts with: paths of the certificate, its key and the authority of client
    certificates, which are ``required`` or only asked for; ``place`` is where it was written."""

    certificate: str
    key: str
    ciphers: str = ""
    authority: str = ""
    required: bool = False
    place: str = ""


@dataclass(frozen=True)
class ListenSpec:
    """One address to listen on, as written; ``protocol`` is ``uwsgi``, ``http``, ``scgi``,
    ``fastcgi`` or ``auto``.

    ``auto`` tells HTTP and uwsgi apart by the first byte of a connection.
    """

    address: str
    protocol: str
    option: str
    place: str
    tls: Encryption | None = None


@dataclass(frozen=True, kw_only=True)
class ConfigBase:
    """The parts of a configuration that no single option holds."""

    door: str = "compatible"
    listeners: tuple[ListenSpec, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    places: tuple[tuple[str, str], ...] = ()

    def place_of(self, option_name: str) -> str:
        """Where the effective value of an option was written; empty for a default.

        The option may be named as in a file or, with underscores, as its field.
        """
        return dict(self.places).get(option_name.replace("_", "-"), "")

    def to_json(self) -> str:
        """The whole configuration as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls: type[_C], text: str) -> _C:
        """The configuration that ``to_json`` wrote."""
        try:
            data = json.loads(text)
            return cls(**{name: _revive(name, value) for name, value in data.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"not a configuration of this version: {error}") from None


def encryption(value: Any) -> Encryption | None:
    """What JSON has made of one."""
    return Encryption(**value) if value else None


def _revive(name: str, value: Any) -> Any:
    if name == "listeners":
        return tuple(ListenSpec(**(spec | {"tls": encryption(spec["tls"])})) for spec in value)
    if name == "notes":
        return tuple(Diagnostic(**note) for note in value)
    if name == "places":
        return tuple((option, place) for option, place in value)
    return tuple(value) if isinstance(value, list) else value


BASE_FIELDS = tuple(field.name for field in fields(ConfigBase))
