"""``quaich.values`` does what ``dataclasses`` does, as far as it goes."""

import dataclasses
from typing import Any

import pytest

from quaich import values

MODULES = (values, dataclasses)


def classes(module: Any) -> Any:
    @module.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 2

    @module.dataclass(frozen=True, kw_only=True)
    class Named(Point):
        name: str = "here"

    @module.dataclass
    class Bag:
        first: Point
        things: list[int] = module.field(default_factory=list)

    @module.dataclass(eq=False)
    class Same:
        x: int = 0

    return Point, Named, Bag, Same


@pytest.mark.parametrize("module", MODULES)
def test_values(module: Any) -> None:
    Point, Named, Bag, Same = classes(module)
    assert Point(1) == Point(x=1, y=2) != Point(1, 3)
    assert len({Point(1), Point(1, 2)}) == 1
    assert repr(Point(1)).endswith("Point(x=1, y=2)")
    assert module.asdict(Bag(Point(1))) == {"first": {"x": 1, "y": 2}, "things": []}
    assert Bag(Point(1)).things is not Bag(Point(1)).things
    assert module.replace(Point(1), y=5) == Point(1, 5)
    assert [each.name for each in module.fields(Named)] == ["x", "y", "name"]
    assert module.fields(Point)[0].type is int
    assert Named(1, name="there").name == "there"
    assert Named(1) != Point(1)
    assert Same() != Same()
    match Named(4, 5):
        case Named(x, y):
            assert (x, y) == (4, 5)


@pytest.mark.parametrize("module", MODULES)
def test_mistakes(module: Any) -> None:
    Point, Named, Bag, _ = classes(module)
    for wrong in (
        lambda: Point(),
        lambda: Point(1, 2, 3),
        lambda: Point(1, x=1),
        lambda: Point(1, z=1),
        lambda: Named(1, 2, "there"),
        lambda: hash(Bag(Point(1))),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(AttributeError):
        Point(1).x = 2
    with pytest.raises(AttributeError):
        del Point(1).x
    bag = Bag(Point(1))
    bag.first = Point(2)
    assert bag == Bag(Point(2))
