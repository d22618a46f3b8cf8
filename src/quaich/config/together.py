"""What settings must be of each other: the checks that no single one can pass or fail.

Pure: looks at the values that were read, whatever their order.  As in uWSGI, numbers of workers
that contradict each other are an error where there is no sensible reading, and are brought within
their bounds, with a word, where there is one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quaich.config.base import Diagnostic, ListenSpec
from quaich.config.codes import diagnose
from quaich.errors import ConfigError
from quaich.values import replace

CONTRADICTION = "QX134"
BOUNDED = "QX135"


class Together:
    """The values of a configuration and where they were written."""

    def __init__(self, values: dict[str, Any], places: Mapping[str, str]) -> None:
        self._values = values
        self._places = places

    def bounded(self) -> Iterator[Diagnostic]:
        """Bring numbers within their bounds, and say which."""
        least, most = self._values.get("cheaper", 0), self._values.get("processes", 1)
        initial = self._values.get("cheaper_initial", 0)
        if not least or not initial:
            return
        place = self._places.get("cheaper-initial", "")
        if initial < least:
            text = f"cheaper-initial: {initial} is read as {least}, as many as cheaper says"
        elif initial > most:
            text = f"cheaper-initial: {initial} is read as {most}, as many as processes says"
        else:
            return
        self._values["cheaper_initial"] = max(least, min(initial, most))
        yield diagnose(BOUNDED, text, place, "cheaper-initial")

    def errors(self, listeners: Sequence[ListenSpec]) -> Iterator[ConfigError]:
        """What contradicts what."""
        yield from self._workers()
        yield from self._uncertified()
        yield from self._unshared(listeners)
        yield from self._unmapped(len(listeners))

    def _workers(self) -> Iterator[ConfigError]:
        values = self._values
        least, most = values.get("cheaper", 0), values.get("processes", 1)
        if least and least >= most:
            yield self._error(
                "cheaper",
                f"expected fewer than processes = {most}, got {least}; "
                f"cheaper is the fewest workers, processes the most",
            )
        soft = values.get("cheaper_rss_limit_soft", 0)
        hard = values.get("cheaper_rss_limit_hard", 0)
        if hard and hard <= soft:
            yield self._error(
                "cheaper-rss-limit-hard",
                f"expected more than cheaper-rss-limit-soft = {soft}, got {hard}",
            )
        elif hard and not soft:
            yield self._error(
                "cheaper-rss-limit-hard", "expected cheaper-rss-limit-soft to be set too"
            )
        low = values.get("cheaper_busyness_min", 25)
        high = values.get("cheaper_busyness_max", 50)
        if values.get("cheaper_algo") == "busyness" and low >= high:
            option = "cheaper-busyness-min" if "cheaper_busyness_min" in values else ""
            text = "less than cheaper-busyness-max" if option else "more than cheaper-busyness-min"
            yield self._error(
                option or "cheaper-busyness-max",
                f"expected {text} = {high if option else low}, got {low if option else high}",
            )

    def _uncertified(self) -> Iterator[ConfigError]:
        for name in ("tls-key", "tls-ciphers", "tls-client-ca"):
            if self._values.get(name.replace("-", "_")) and not self._values.get("tls_cert"):
                yield self._error(name, "expected tls-cert to be set too")

    def shared(self, listeners: Sequence[ListenSpec]) -> list[ListenSpec]:
        """The listeners, with ``=N`` replaced by the shared socket of that number.

        Where there is none, which is one of the errors, nothing takes its place.
        """
        addresses = self._values.get("shared_socket", ())
        found = []
        for spec in listeners:
            if not spec.address.startswith("="):
                found.append(spec)
            elif _numbers_one_of(addresses, spec.address[1:]):
                found.append(replace(spec, address=addresses[int(spec.address[1:])]))
        return found

    def _unshared(self, listeners: Sequence[ListenSpec]) -> Iterator[ConfigError]:
        addresses = self._values.get("shared_socket", ())
        for spec in listeners:
            if spec.address.startswith("=") and not _numbers_one_of(addresses, spec.address[1:]):
                known = f"from 0 to {len(addresses) - 1}" if addresses else "and there is none"
                text = f'expected the number of a shared-socket, {known}, got "{spec.address}"'
                yield self._error(spec.option, text, spec.place)

    def _unmapped(self, sockets: int) -> Iterator[ConfigError]:
        workers = self._values.get("processes", 1)
        for number, mapped in socket_map(self._values.get("map_socket", ())).items():
            if number >= max(1, sockets):
                text = f"expected the number of a socket, from 0 to {sockets - 1}, got {number}"
                yield self._error("map-socket", text)
            if max(mapped) > workers:
                text = f"expected workers from 1 to processes = {workers}, got {max(mapped)}"
                yield self._error("map-socket", text)

    def _error(self, option: str, text: str, place: str = "") -> ConfigError:
        place = place or self._places.get(option, "")
        error = ConfigError(f"{option}: {text}", place, CONTRADICTION)
        error.key = option
        return error


def socket_map(texts: Iterable[str]) -> dict[int, set[int]]:
    """Which workers serve a socket, for each that ``map-socket`` names: ``0:1,2``."""
    found: dict[int, set[int]] = {}
    for text in texts:
        number, _, workers = text.partition(":")
        found.setdefault(int(number), set()).update(map(int, workers.split(",")))
    return found


def _numbers_one_of(addresses: Sequence[str], text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text[:6]) < len(addresses)
