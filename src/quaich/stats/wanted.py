"""Whether anybody asks for statistics.

Only then do workers take down what they run, and for how long; else that costs a request nothing.
"""

from quaich.config import logformat
from quaich.config.effective import Config


def wanted(config: Config) -> bool:
    """Whether a configuration shows, or sends, statistics anywhere."""
    shown = config.stats or config.stats_push
    kept = config.metric or config.metrics_dir or logformat.metrics(config.log_format)
    return bool(shown or kept or config.metric_threshold or config.carbon)
