"""What sockets that a parent has passed (systemd's activation) mean for a configuration.  Pure.

Those that the configuration does not name speak its ``protocol``, as under uWSGI; in the modern
door, whose word for an address is ``bind``, that is HTTP.  Where it names none at all they stand in
the place of the default address, which is not opened.
"""

from quaich.config.effective import Config
from quaich.values import replace

_DEFAULT = "QX004"


def with_sockets(config: Config, passed: bool) -> Config:
    """The configuration of a server to which sockets were passed that it has to serve."""
    if not passed:
        return config
    if not any(each.place or each.address.startswith("fd://") for each in config.listeners):
        spoken = config.listeners[0].protocol if config.listeners else config.protocol
        notes = tuple(each for each in config.notes if each.code != _DEFAULT)
        return replace(config, listeners=(), protocol=spoken, notes=notes)
    if config.door == "modern" and not config.place_of("protocol"):
        return replace(config, protocol="http")
    return config
