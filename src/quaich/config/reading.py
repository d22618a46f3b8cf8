"""From a source's name to its document: which kind it is, how it is read, which format it has.

A name is a file, ``-`` for stdin, or a scheme: ``http://``, ``https://``, ``exec://``, ``fd://``.
``file:name`` chooses a section.  uWSGI's other schemes read from its own binary or call into
plugins, and are refused with words.
"""

import re
from typing import NamedTuple

from quaich.config import ini
from quaich.config.document import Document
from quaich.config.sources import STDIN
from quaich.errors import ConfigError, UsageError

DEFAULT_SECTION = "uwsgi"
FORMATS = {
    "ini": "ini",
    "xml": "xml",
    "yaml": "yaml",
    "yml": "yaml",
    "json": "json",
    "js": "json",
    "toml": "toml",
}
_SCHEME = re.compile(r"([a-z]+)://")
_REMOTE = ("http", "https", "exec", "fd")
_REFUSED = {
    "section": "an ELF section of uWSGI's binary; for a section of a file write file.ini:section",
    "data": "data appended to uWSGI's binary",
    "sym": "a symbol of uWSGI's binary",
    "call": "a function of a uWSGI plugin",
    "callint": "a function of a uWSGI plugin",
    "emperor": "the emperor's socket",
}


class Source(NamedTuple):
    """Where to read; ``scheme`` is empty for a file, ``section`` None when none was named."""

    scheme: str
    name: str
    section: str | None = None

    @property
    def shown(self) -> str:
        return "stdin" if self.name == STDIN else self.name


def locate(text: str, place: str, key: str = "") -> Source:
    """What a configuration option's value points at."""
    scheme = scheme_of(text, place, key)
    if scheme:
        return Source(scheme, text)
    path, colon, section = text.rpartition(":")
    return Source("", path, section) if colon else Source("", text)


def scheme_of(text: str, place: str, key: str = "") -> str:
    """The scheme that a name begins with, or the empty string; ``ConfigError`` for a bad one."""
    match = _SCHEME.match(text)
    if match is None:
        return ""
    scheme = match.group(1)
    if scheme in _REMOTE:
        return scheme
    what = _REFUSED.get(scheme, "unknown here")
    prefix = f"{key}: " if key else ""
    raise ConfigError(
        f"{prefix}{scheme}:// is not supported ({what}); expected a file, "
        "http://, https://, exec:// or fd://",
        place,
        "QX143",
    )


def format_of(name: str, place: str, described: str) -> str:
    """The format that a name's extension stands for; ``described`` is how it was given."""
    kind = FORMATS.get(name.rpartition(".")[2]) if "." in name else None
    if kind:
        return kind
    message = (
        f"unable to load configuration from {described}: "
        "expected a file named *.ini, *.json, *.yaml, *.yml, *.xml or *.toml"
    )
    extension = name.rpartition(".")[2]
    before = name.partition(":")[0].rpartition(".")[2]
    if extension in ("py", "wsgi"):
        message += f"; to serve an application, write --wsgi-file {name}"
    elif extension.lower() in FORMATS:
        message += "; the extension must be in small letters"
    elif before in FORMATS:
        message += f"; to choose a section, write --{FORMATS[before]} {name}"
    elif ":" in name:
        message += f"; to listen on an address, write --http-socket {name}"
    raise UsageError(message, place, "QX143")


_SECTION_WORDS = {"ini": "section [{}]", "toml": "table [{}]", "xml": "element with the id {}"}


def parse(kind: str, text: str, section: str | None) -> Document:
    """Read a text of a format; ``section`` is None when none was named."""
    named = section is not None
    section = DEFAULT_SECTION if section is None else section
    # Each reader is loaded when the first file of its format is read.
    if kind == "json":
        from quaich.config import jsontext

        return jsontext.read(text, section)
    if kind == "yaml":
        from quaich.config import yamltext

        return yamltext.read(text, section)
    if kind == "xml":
        from quaich.config import xmltext

        return xmltext.read(text, section, named)
    if kind == "toml":
        from quaich.config import tomltext

        return tomltext.read(text, section, named)
    return ini.read(text, section)


def missing(kind: str, section: str) -> str:
    """What to say when the section is not there."""
    what = _SECTION_WORDS.get(kind, 'object "{}"').format(section)
    return f"there is no {what}, so nothing is read from it"
