"""The name that was probably meant: the nearest of the known ones, or none.

Distance counts insertions, deletions, replacements and swaps of neighbours.  A suggestion is
made only when it is clearly nearer than chance: one slip in a short name, two or three in a
longer one.
"""

from collections.abc import Collection

_SHOWN = 3
_SHORTEST_BEGINNING = 4


def distance(left: str, right: str, limit: int) -> int:
    """Edits between two names, or ``limit + 1`` once there are more than ``limit``."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def _alike(left: str, right: str) -> int:
    """How many letters both begin with."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


def candidates(name: str, known: Collection[str]) -> list[str]:
    """The known names nearest to ``name``, all equally far; the likeliest first.

    When none is near, those that it is the first words of.
    """
    name = name.lower().replace("_", "-").lstrip("-")
    limit = 1 if len(name) <= 4 else 2 if len(name) <= 9 else 3
    found: list[str] = []
    best = limit + 1
    for candidate in known:
        if candidate == name:
            return [candidate]
        far = distance(name, candidate, min(best, limit))
        if far > min(best, limit) or far >= len(candidate):
            continue
        if far < best:
            found, best = [], far
        found.append(candidate)
    if not found and len(name) >= _SHORTEST_BEGINNING:
        found = [candidate for candidate in known if candidate.startswith(f"{name}-")]
    # People mistype the middle of a word more often than its ends.
    return sorted(found, key=lambda each: -_alike(each, name))


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name nearest to ``name``; of equals, the one that begins most like it."""
    return next(iter(candidates(name, known)), None)


def hint(name: str, known: Collection[str], prefix: str = "") -> str:
    """``; did you mean X or Y?``, or nothing, to end a message about an unknown name."""
    shown = [f"{prefix}{each}" for each in candidates(name, known)[:_SHOWN]]
    if not shown:
        return ""
    *first, last = shown
    return f"; did you mean {', '.join(first)} or {last}?" if first else f"; did you mean {last}?"
