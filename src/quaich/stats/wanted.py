"""Whether anybody asks for statistics.

Only then do workers take down what they run, and for how long; else that costs a request nothing.
"""

from quaich.config.effective import Config


def wanted(config: Config) -> bool:
    """Whether a configuration shows, or sends, statistics anywhere."""
    return bool(config.stats or config.stats_push or config.metric_threshold)
