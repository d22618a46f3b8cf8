"""One row of the option table."""

from quaich.config.kinds import Kind
from quaich.values import dataclass

SAME = "same"
DIFFERS = "differs"
NO_EFFECT = "no effect"
PLANNED = "planned"
REFUSED = "refused"
RELATIONS = (SAME, DIFFERS, NO_EFFECT, PLANNED, REFUSED)

NO_ARGUMENT = "none"
OPTIONAL = "optional"
REQUIRED = "required"


@dataclass(frozen=True)
class Option:
    """An option: its names, what it holds, and how it relates to uWSGI's of the same name.

    The value of an implemented option has the field ``target`` in ``Config``, unless the option
    ``acts`` while the configuration is read (it names a file, or prints something) or opens a
    listener (``serves`` is then its protocol).  ``why`` explains any relation but the same and
    planned, ``capability`` names what a planned one waits for, ``instead`` what to use in place
    of a refused one.  ``guards`` says what would be lost if a planned or refused option were
    ignored: using it is then an error.  ``implies`` lists flags that uWSGI switches on with it.
    ``reloadable`` is whether a reload takes a new value.  ``modern`` rows are not uWSGI's and
    exist only behind ``quaich serve``, unless they are for ``both_doors``.
    """

    name: str
    kind: Kind
    group: str
    help: str = ""
    aliases: tuple[str, ...] = ()
    short: str = ""
    arg: str = REQUIRED
    default: object = None
    field: str = ""
    acts: bool = False
    serves: str = ""
    relation: str = SAME
    why: str = ""
    capability: str = ""
    instead: str = ""
    reloadable: bool = True
    guards: str = ""
    implies: tuple[str, ...] = ()
    modern: bool = False
    both_doors: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every long name, the primary one first."""
        return (self.name, *self.aliases)

    @property
    def implemented(self) -> bool:
        """Whether quaich acts on it."""
        return self.relation in (SAME, DIFFERS)

    @property
    def target(self) -> str:
        """The field of ``Config`` that holds the value, or the empty string."""
        if not self.implemented or self.acts or self.serves:
            return ""
        return self.field or self.name.replace("-", "_")
