"""The exceptions that cross module borders, by whose fault they are.

Three kinds of fault are kept apart because three parties read about them: ``QuaichError`` is the
operator's (one clear line on stderr and an exit status), ``ProtocolError`` the peer's (a 4xx or
5xx and a closed connection), ``ApplicationError`` the application's (a 500 and a log line that
says what it did wrong).  Nothing else may leave a parser or a configuration reader.
"""


class QuaichError(Exception):
    """A mistake the operator can mend; its text is one line without a traceback.

    ``status`` is the exit status of the process that stops because of it.
    """

    status = 1


class ConfigError(QuaichError):
    """A configuration that cannot be used; ``place`` is where it was written (``site.ini:12``).

    ``code`` is its row in the table of diagnostics (``quaich.config.codes``), ``message`` the
    text without the place, ``key`` the option as it was written, when it is about one, and
    ``fallback`` the configuration that this one names for its failure.
    """

    def __init__(self, message: str, place: str = "", code: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.place = place
        self.code = code
        self.key = ""
        self.fallback = ""


class UsageError(ConfigError):
    """A command line that cannot be understood."""

    status = 1


class BindError(QuaichError):
    """An address that cannot be listened on."""


class LoadError(QuaichError):
    """No application could be loaded; 22 is uWSGI's exit status for it.

    ``detail`` holds the application's own traceback, already formatted, or the empty string.
    """

    status = 22

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class ProtocolError(Exception):
    """A peer broke its protocol; ``status`` is the HTTP status to answer before closing."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ApplicationError(Exception):
    """An application broke PEP 3333; the text names what it did and what was expected."""
