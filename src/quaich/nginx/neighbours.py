"""What else nginx's configuration serves, and where that and a site are in each other's way; pure.

The configuration is what ``nginx -T`` printed, every file of it, or a tree of those files.
"""

from collections.abc import Iterable, Iterator

from quaich.nginx.tree import Directive, Texts, Tree, dumped, parse
from quaich.values import dataclass

_ANY = ("", "*", "0.0.0.0", "[::]")
_PORT = 80


@dataclass(frozen=True)
class Place:
    """A server block: where it is written, its names, where it listens, and where by default."""

    place: str
    names: frozenset[str]
    listens: frozenset[tuple[str, int]]
    defaults: frozenset[tuple[str, int]]

    @property
    def file(self) -> str:
        """The file that it is in."""
        return self.place.rpartition(":")[0]

    @property
    def ports(self) -> frozenset[int]:
        """The ports, whatever the addresses."""
        return frozenset(port for _, port in self.listens)


def servers(dump: str) -> list[Place]:
    """The server blocks of a whole configuration."""
    files = dumped(dump)
    return servers_in(parse(Texts(files), next(iter(files)))) if files else []


def servers_in(tree: Tree) -> list[Place]:
    """The server blocks of a whole configuration that was read."""
    return [_place(each) for each in _blocks(tree)]


def servers_of(path: str, text: str) -> list[Place]:
    """The server blocks of one site file."""
    return [_place(each) for each in parse(Texts({path: text}), path).all("server")]


def _blocks(tree: Tree) -> Iterator[Directive]:
    for http in tree.all("http"):
        yield from http.all("server")


def _place(server: Directive) -> Place:
    names = {name.lower() for each in server.all("server_name") for name in each.args}
    listens = set()
    defaults = set()
    for each in server.all("listen"):
        if not each.args or each.args[0].startswith("unix:"):
            continue
        where = _listen(each.args[0])
        if "quic" in each.args:
            # QUIC has sockets, and defaults, of its own.
            where = f"quic {where[0]}", where[1]
        listens.add(where)
        if {"default_server", "default"} & set(each.args[1:]):
            defaults.add(where)
    if not server.all("listen"):
        listens.add(("", _PORT))
    return Place(server.place, frozenset(names), frozenset(listens), frozenset(defaults))


def _listen(word: str) -> tuple[str, int]:
    if word.isdigit():
        return "", int(word)
    address, colon, port = word.rpartition(":")
    if not colon or not port.isdigit():
        return word, _PORT
    # IPv6's any is told apart from IPv4's, for each has a default server.
    return ("" if address in _ANY and address != "[::]" else address), int(port)


def same_host(mine: Iterable[Place], others: Iterable[Place]) -> tuple[Place, str, int] | None:
    """Another server block with a name and a port of ours: which, the name and the port."""
    others = list(others)
    for each in mine:
        for other in others:
            for name in sorted(each.names & other.names - {"", "_"}):
                ports = each.ports & other.ports
                if ports:
                    return other, name, min(ports)
    return None


def default_of(listens: Iterable[tuple[str, int]], others: Iterable[Place]) -> Place | None:
    """Another server block that is the default of one of these."""
    wanted = set(listens)
    return next((each for each in others if each.defaults & wanted), None)
