"""Which peers are trusted proxies: addresses, networks, UNIX sockets.

    10.0.0.0/8, 192.0.2.1, ::1, unix, *

``unix`` are peers on UNIX sockets, which have no address; ``*`` is everybody.  What is neither an
address nor a network is refused, and so is a network with bits beyond its mask, which is a typing
mistake more often than not.
"""

from collections.abc import Callable

LOCAL = "127.0.0.0/8,::1,unix"
"""Who is trusted where nothing is said."""

_MAX_KNOWN = 4096


class Trust:
    """A list of peers, read from one text; raises ValueError for what it does not understand."""

    def __init__(self, text: str) -> None:
        import ipaddress

        self._known: dict[str, bool] = {}
        self._parse: Callable[[str], ipaddress.IPv4Address | ipaddress.IPv6Address]
        self._parse = ipaddress.ip_address
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._everybody = False
        for word in text.split(","):
            word = word.strip()
            if word == "*":
                self._everybody = True
            elif word == "unix":
                self._known[""] = True
            else:
                self._networks.append(ipaddress.ip_network(word))
        self._known.setdefault("", False)

    def holds(self, address: str) -> bool:
        """Whether a peer with this address, empty on a UNIX socket, is one of them."""
        known = self._known.get(address)
        if known is None:
            known = self._look(address)
            if len(self._known) < _MAX_KNOWN:
                self._known[address] = known
        return known or self._everybody

    def _look(self, address: str) -> bool:
        try:
            found = self._parse(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any(
            each in network for each in (found, mapped) if each for network in self._networks
        )
