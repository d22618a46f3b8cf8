"""Whether a site answers through nginx, asked as a client would."""

from quaich.nginx.facts import Front


def ask(front: Front, path: str = "/", expected: tuple[int, ...] = ()) -> str:
    """Request ``path`` of the site's first host; what is wrong, or nothing.

    Without ``expected`` statuses any but 502, 504 and a foreign server's is right: whether the
    application is healthy was asked before; 503 is right during maintenance only.
    """
    raise NotImplementedError
