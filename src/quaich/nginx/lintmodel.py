"""What the checks of nginx's configuration ask the tree: passes, levels, effective settings.

nginx takes a setting from the nearest level that has it, and a list of settings (``uwsgi_param``,
``add_header``) whole from the nearest level that has any.  A level that is not in the tree (a site
without the ``http { }`` around it, an include that is missing) may hold anything: ``is_known`` says
whether the absence of a setting is a fact.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from quaich.config.base import ListenSpec
from quaich.errors import ConfigError
from quaich.net.address import Kind, parse
from quaich.nginx.tree import Directive, Tree
from quaich.values import dataclass, field

PASSES = {
    "proxy_pass": "proxy",
    "uwsgi_pass": "uwsgi",
    "scgi_pass": "scgi",
    "fastcgi_pass": "fastcgi",
}
_EVERYWHERE = ("0.0.0.0", "::", "127.0.0.1", "::1", "localhost")
_SCHEME = re.compile(r"\A(?!unix:)[a-z]+://")
_SLASHES = re.compile(r"\Aunix://+")
_TIME = re.compile(r"([0-9]+)(ms|[smhdwMy]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_SIZE = re.compile(r"([0-9]+)([kKmMgG]?)\Z")
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass
class App:
    """What an application server's own configuration says; seconds, and requests that wait."""

    listeners: Sequence[ListenSpec]
    harakiri: int = 0
    queue: int = 0
    place: str = ""


def _no_mode(path: str) -> int:
    return 0


@dataclass
class Facts:
    """What is known beside the text; whatever is not, is not judged.

    ``mode`` gives the permissions of a socket (0 when it is not there); ``flawed`` names a package
    that lacks the repair of the uwsgi module.
    """

    version: tuple[int, ...] = ()
    flawed: str = ""
    somaxconn: int = 0
    mode: Callable[[str], int] = _no_mode
    apps: Sequence[App] = ()


@dataclass(eq=False)
class Pass:
    """A directive that hands requests to an application, and whom it reaches.

    ``within`` are the (block, name) of every pass and every block around it.
    """

    directive: Directive
    family: str
    server: Directive | None
    upstream: Directive | None
    within: set[tuple[Directive, str]]
    targets: list[tuple[str, Directive]] = field(default_factory=list)

    def name(self, suffix: str) -> str:
        """The name of a directive of the pass's own module."""
        return f"{self.family}_{suffix}"

    @property
    def is_local(self) -> bool:
        """Whether all that it reaches is on this machine."""
        return bool(self.targets) and all(
            each.startswith(("unix:", "127.", "localhost", "[::1]")) for each, _ in self.targets
        )


def passes(root: Directive) -> list[Pass]:
    """Every pass to an application in http; those of stream and mail are none."""
    upstreams = {
        each.args[0]: each for each in root.walk() if each.name == "upstream" and each.args
    }
    found = []
    within: set[tuple[Directive, str]] = set()
    for each in root.walk():
        if each.name not in PASSES or not each.args or each.is_block:
            continue
        around = list(each.outward())
        within.update((block, each.name) for block in around)
        if around[0].name == "server" or any(block.name in ("stream", "mail") for block in around):
            continue
        server = next((block for block in around if block.name == "server"), None)
        target = target_of(each)
        upstream = upstreams.get(target)
        if upstream is not None:
            targets = [(_socket(one.args[0]), one) for one in upstream.all("server") if one.args]
        else:
            targets = [] if "$" in target else [(target, each)]
        found.append(Pass(each, PASSES[each.name], server, upstream, within, targets))
    return found


def target_of(directive: Directive) -> str:
    """The address or the name of the upstream that a pass is given."""
    text = _SCHEME.sub("", directive.args[0], count=1)
    if not text.startswith("unix:"):
        return text.partition("/")[0]
    # proxy_pass http://unix:/path:/uri
    return _socket(text.rpartition(":")[0] if text.count(":") > 1 else text)


def _socket(address: str) -> str:
    """An address; unix:///path is unix:/path."""
    return _SLASHES.sub("unix:/", address)


def addresses(address: str) -> list[str]:
    """What one address may be called on either side."""
    try:
        parsed = parse(address)
    except ConfigError:
        return [address]
    if parsed.kind is not Kind.TCP:
        return [f"unix:{parsed.path}"]
    if parsed.host in _EVERYWHERE:
        return [f"local:{parsed.port}"]
    return [f"{parsed.host}:{parsed.port}"]


def levels(directive: Directive) -> Iterator[Directive]:
    """The levels that a directive inherits from, the nearest first, up to http."""
    for block in directive.outward():
        if block.name == "limit_except":
            continue
        yield block
        if block.name == "http":
            return


def is_known(directive: Directive) -> bool:
    """Whether every level around a directive is in the tree, whole."""
    around = list(directive.outward())
    root = around[-1] if around else directive
    if isinstance(root, Tree) and root.faults:
        return False
    blocks = (directive, *around) if directive.is_block else around
    return any(block.name == "http" for block in blocks) and not any(
        block.is_partial for block in blocks
    )


def setting(directive: Directive, name: str) -> Directive | None:
    """The effective directive of a name, seen from another."""
    for block in levels(directive):
        for each in reversed(block.all(name)):
            return each
    return None


def settings(directive: Directive, name: str) -> list[list[Directive]]:
    """The directives of a name by level, the effective ones first; levels without are left out."""
    found = (block.all(name) for block in levels(directive))
    return [each for each in found if each]


def is_on(directive: Directive | None) -> bool:
    """Whether a flag is on."""
    return directive is not None and directive.args[:1] == ("on",)


def seconds(text: str) -> float | None:
    """A time as nginx writes it (``1m30s``); None for what is none."""
    position = 0
    total = 0.0
    for match in _TIME.finditer(text):
        if match.start() != position:
            return None
        position = match.end()
        amount = int(match[1][:12])
        total += amount / 1000 if match[2] == "ms" else amount * _SECONDS[match[2]]
    return total if text and position == len(text) else None


def size(text: str) -> int | None:
    """A size as nginx writes it (``16k``); None for what is none."""
    match = _SIZE.match(text)
    return int(match[1][:15]) * _FACTORS[match[2].lower()] if match else None


def ports(server: Directive) -> list[tuple[str, int, Directive | None]]:
    """(host, port, directive) of each listen of a server on TCP; 80 when there is none."""
    found: list[tuple[str, int, Directive | None]] = []
    listens = [each for each in server.all("listen") if each.args]
    for each in listens:
        text = each.args[0]
        if text.startswith("unix:"):
            continue
        if text.isdecimal():
            host, port = "*", text
        elif text.endswith("]") or ":" not in text:
            host, port = text, "80"
        else:
            host, _, port = text.rpartition(":")
        host = "*" if host in ("", "0.0.0.0") else host
        if port.isdecimal() and len(port) < 6:
            found.append((host, int(port), each))
    if not listens and not server.is_partial:
        found.append(("*", 80, None))
    return found


def is_inner(host: str) -> bool:
    """Whether only this machine reaches an address that a server listens on."""
    return host.startswith(("127.", "[::1]", "localhost"))


def has_tls(server: Directive) -> bool:
    """Whether a server speaks TLS."""
    return is_on(setting_of(server, "ssl")) or any(
        "ssl" in each.args or "quic" in each.args for each in server.all("listen")
    )


def setting_of(block: Directive, name: str) -> Directive | None:
    """The effective directive of a name for a block itself."""
    own = block.all(name)
    return own[-1] if own else setting(block, name)
