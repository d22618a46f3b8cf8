"""The part of ``dataclasses`` that quaich uses, made without generating code.

The standard library's writes the source of each class's methods and compiles it, and loads the
compiler's own modules for that: at a start this takes longer than all that is read of quaich
itself, and memory that a master then keeps for good.  Here every class shares the same few
functions.  What is not used is not there: no slots, ordering, ``__post_init__`` or ``InitVar``.

For a type checker this module is ``dataclasses``.
"""

from typing import TYPE_CHECKING

__all__ = ["asdict", "dataclass", "field", "fields", "replace"]

if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, fields, replace
else:
    _MISSING = object()

    class Field:
        """One field of a class."""

        __slots__ = ("default", "default_factory", "kw_only", "name", "type")

        def __init__(self, default, default_factory):
            self.name = ""
            self.type = None
            self.default = default
            self.default_factory = default_factory
            self.kw_only = False

    def field(*, default=_MISSING, default_factory=_MISSING):
        """A field whose default cannot be written as a plain value."""
        return Field(default, default_factory)

    def fields(what):
        """The fields of a class or of a value, in their order."""
        return tuple(what.__dataclass_fields__.values())

    def dataclass(cls=None, /, *, frozen=False, eq=True, kw_only=False):
        """A class that is made of the fields it is annotated with."""

        def make(cls):
            found = {}
            for base in reversed(cls.__mro__[1:]):
                found.update(base.__dict__.get("__dataclass_fields__", {}))
            for name, kind in cls.__annotations__.items():
                each = cls.__dict__.get(name, _MISSING)
                if not isinstance(each, Field):
                    each = Field(each, _MISSING)
                elif each.default is _MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, each.default)
                each.name, each.type, each.kw_only = name, kind, kw_only
                found[name] = each
            cls.__dataclass_fields__ = found
            cls.__match_args__ = tuple(name for name, each in found.items() if not each.kw_only)
            made = {"__init__": _initialiser(found), "__repr__": _represent}
            if eq:
                made["__eq__"] = _equal
                made["__hash__"] = _hash if frozen else None
            if frozen:
                made["__setattr__"] = made["__delattr__"] = _refuse
            for name, method in made.items():
                if name not in cls.__dict__:
                    setattr(cls, name, method)
            return cls

        return make if cls is None else make(cls)

    def asdict(value):
        """A value as a dict, and the values in it too."""
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}

    def replace(value, /, **changes):
        """The same value but for these fields."""
        same = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return type(value)(**(same | changes))

    def _plain(value):
        if hasattr(value, "__dataclass_fields__"):
            return asdict(value)
        if isinstance(value, (list, tuple)):
            parts = [_plain(each) for each in value]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, dict):
            return {_plain(key): _plain(each) for key, each in value.items()}
        return value

    def _initialiser(found):
        positional = tuple(name for name, each in found.items() if not each.kw_only)
        defaults = {n: each.default for n, each in found.items() if each.default is not _MISSING}
        factories = {
            name: each.default_factory
            for name, each in found.items()
            if each.default_factory is not _MISSING
        }

        def __init__(self, /, *args, **given):
            values = self.__dict__
            values.update(defaults)
            values.update(zip(positional, args))  # noqa: B905
            values.update(given)
            for name, factory in factories.items():
                if name not in values:
                    values[name] = factory()
            twice = args and not given.keys().isdisjoint(positional[: len(args)])
            if twice or len(args) > len(positional) or values.keys() != found.keys():
                _check(self, args, given)

        return __init__

    def _check(value, args, given):
        """Raise TypeError for arguments that are missing, too many or unknown."""
        name = type(value).__qualname__
        found = value.__dataclass_fields__
        positional = type(value).__match_args__
        if len(args) > len(positional):
            raise TypeError(f"{name}: takes {len(positional)} values in order, got {len(args)}")
        for key in given:
            if key not in found:
                raise TypeError(f"{name}: got an unexpected value {key!r}")
            if key in positional[: len(args)]:
                raise TypeError(f"{name}: got two values for {key!r}")
        missing = [key for key in found if key not in value.__dict__]
        if missing:
            raise TypeError(f"{name}: got no value for {', '.join(map(repr, missing))}")

    def _represent(self):
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
        return f"{type(self).__qualname__}({inside})"

    def _all(value):
        return tuple(getattr(value, name) for name in value.__dataclass_fields__)

    def _equal(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return _all(self) == _all(other)

    def _hash(self):
        return hash(_all(self))

    def _refuse(self, name, value=None):
        raise AttributeError(f"{type(self).__qualname__} is frozen: {name!r} cannot be changed")
