"""What a change tells while it goes on; the command line decides how it looks."""

from typing import Protocol


class Say(Protocol):
    """Hears of the steps of a change."""

    def step(self, number: int, name: str, text: str) -> None:
        """A step is done."""

    def failed(self, number: int, name: str, text: str) -> None:
        """A step has failed, and what was begun is taken back."""

    def note(self, text: str) -> None:
        """Something worth a line."""
