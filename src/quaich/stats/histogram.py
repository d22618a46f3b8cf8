"""Quantiles from the buckets in which the durations of requests are counted."""

from collections.abc import Sequence

from quaich.stats.scoreboard import BOUNDS


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """The duration (seconds) that this share of the requests did not pass; None without requests.

    Within a bucket it is interpolated; what is beyond the last bound counts as the last bound.
    """
    total = sum(buckets)
    if not total:
        return None
    rank = share * total
    before = 0
    low = 0
    for count, bound in zip(buckets, BOUNDS, strict=False):
        if count and before + count >= rank:
            return (low + (bound - low) * max(0.0, rank - before) / count) / 1000000
        before += count
        low = bound
    return BOUNDS[-1] / 1000000
