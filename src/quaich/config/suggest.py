"""The name that was probably meant: the nearest of the known ones, or none.

Distance counts insertions, deletions, replacements and swaps of neighbours.  A suggestion is
made only when it is clearly nearer than chance: one slip in a short name, two in a longer one.
"""

from collections.abc import Iterable


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


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to ``name``; of equals, the one listed first."""
    name = name.lower().replace("_", "-").lstrip("-")
    limit = 1 if len(name) <= 4 else 2
    best, best_distance = None, limit + 1
    for candidate in known:
        if candidate == name:
            return candidate
        far = distance(name, candidate, best_distance - 1)
        if far < best_distance and far < len(candidate):
            best, best_distance = candidate, far
    return best


def hint(name: str, known: Iterable[str], prefix: str = "") -> str:
    """``; did you mean X?``, or nothing, to end a message about an unknown name."""
    found = nearest(name, known)
    return f"; did you mean {prefix}{found}?" if found else ""
