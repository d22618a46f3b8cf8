"""What can go wrong with a change, by the exit status that tells a program which part it was.

Whatever else fails (a full disk, no permission, a source that cannot be read) is a plain
QuaichError with status 1.
"""

from quaich.errors import QuaichError


class ApplicationFault(QuaichError):
    """The application cannot be built, imported, migrated or started; ``detail`` is its output."""

    status = 3

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class Unhealthy(QuaichError):
    """The application runs, and does not answer as it should."""

    status = 4

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class FrontFault(QuaichError):
    """nginx refuses the configuration, or the site does not answer through it."""

    status = 5


def reason(error: OSError) -> str:
    """An OSError as a few words with its path."""
    words = (error.strerror or str(error)).lower()
    return f"{error.filename}: {words}" if error.filename else words
