"""What each process is called: uWSGI's words, so that what looks for them in ``ps`` finds them."""

from quaich.config.effective import Config
from quaich.sys.title import set_title

MASTER = "uWSGI master"
ZYGOTE = "uWSGI zygote"


def worker(slot: int) -> str:
    """The name of the worker in a slot."""
    return f"uWSGI worker {slot}"


def name_of(config: Config, role: str) -> str | None:
    """The name to show for a role, or None where the configuration asks for none."""
    prefix = config.procname_prefix or ""
    if config.procname_prefix_spaced is not None:
        prefix = f"{config.procname_prefix_spaced} "
    append = config.procname_append or ""
    given = config.procname
    if role == MASTER:
        given = config.procname_master or given
    if not (config.auto_procname or prefix or append or given):
        return None
    return f"{prefix}{given or role}{append}"


def show(config: Config, role: str) -> None:
    """Give this process its name."""
    name = name_of(config, role)
    if name is not None:
        set_title(name)
