"""Which exceptions of an application make its worker ask to be replaced (reload-on-exception)."""

from collections.abc import Callable, Collection

from quaich.config.effective import Config
from quaich.values import dataclass


@dataclass(frozen=True)
class Grievances:
    """``any``, or those of a type, a text or a ``repr()``; a type may be named with its module."""

    any: bool = False
    types: Collection[str] = ()
    values: Collection[str] = ()
    reprs: Collection[str] = ()

    @property
    def wanted(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.any or self.types or self.values or self.reprs)

    def match(self, error: BaseException) -> bool:
        """Whether this is one."""
        kind = type(error)
        if self.any or kind.__name__ in self.types:
            return True
        if f"{kind.__module__}.{kind.__qualname__}" in self.types:
            return True
        try:
            return (bool(self.values) and str(error) in self.values) or (
                bool(self.reprs) and repr(error) in self.reprs
            )
        except BaseException:
            return False  # its text is code of the application, too


def of(config: Config) -> Grievances:
    """What a configuration looks for."""
    return Grievances(
        config.reload_on_exception,
        config.reload_on_exception_type,
        config.reload_on_exception_value,
        config.reload_on_exception_repr,
    )


def listener(
    grievances: Grievances, tell: Callable[[str], None]
) -> Callable[[BaseException], None] | None:
    """What is to be called with each exception; it tells of the first that matters."""
    if not grievances.wanted:
        return None
    told = False

    def listen(error: BaseException) -> None:
        nonlocal told
        if not told and grievances.match(error):
            told = True
            tell(f"exception={type(error).__name__}")

    return listen
