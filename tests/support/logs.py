"""A log that keeps what it is told."""

from quaich.log.server import Log
from tests.support.processes import wait_until


class Lines(Log):
    """``lines`` without their ends; ``text`` is all of them."""

    def __init__(self) -> None:
        super().__init__(2)
        self.lines: list[str] = []

    def write(self, data: bytes) -> None:
        self.lines.append(data.decode().rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait(self, part: str, timeout: float = 10.0) -> None:
        wait_until(lambda: part in self.text, timeout, f"{part!r} in the log: {self.text}")
