"""What goes wrong with nginx, with the exit status that says so."""

from quaich.errors import QuaichError


class NginxError(QuaichError):
    """nginx is absent, refuses a configuration, or does not do what it was told."""

    status = 5
