"""What a configuration means for the plan."""

import os

from quaich.config.effective import Config
from quaich.config.hooks import stops
from quaich.master.vocabulary import Meaning, Policy, meanings
from quaich.master.watch import limits_of

# Seconds that a reload may take where nothing says how long.
_STARTUP = 120


def policy_of(config: Config) -> Policy:
    """What a configuration means for the plan."""
    # The idiom of uWSGI's users for a graceful stop.
    hooked = dict.fromkeys(stops(config.hook_master_start), Meaning.DRAIN)
    return Policy(
        first_workers(config),
        {**meanings(config.door, config.die_on_term, os.getpid() == 1), **hooked},
        mercy=float(min(config.reload_mercy, config.worker_reload_mercy)),
        worker_mercy=float(config.worker_reload_mercy),
        limits=limits_of(config),
        most=most_workers(config),
        startup=float(config.startup_timeout or _STARTUP),
        first_startup=float(config.startup_timeout),
        first_pause=float(config.forkbomb_delay),
        exit_on_reload=config.exit_on_reload,
        snapshots=config.snapshot,
        reforks=config.refork_after > 0,
        need_app=config.need_app,
    )


def first_workers(config: Config) -> int:
    """How many workers a generation starts with."""
    return 0 if config.cheap else awake_workers(config)


def awake_workers(config: Config) -> int:
    """How many workers there are before anything is known of the load."""
    if config.cheaper:
        return config.cheaper_initial or config.cheaper
    return config.processes


def most_workers(config: Config) -> int:
    """How many workers a generation has room for: more than it starts with, to be scaled."""
    return max(2 * config.processes, config.processes + 8)
