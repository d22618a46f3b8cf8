"""Rows: what the processes may take of the machine, and what keeps a second instance away."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, NO_EFFECT, Option

_WORKERS_ONLY = "it holds for the application's processes, not for the master"
_LOCKED = "the file is made when it is missing"

OPTIONS = (
    Option(
        "cpu-affinity",
        kinds.count(1, 1024),
        "limits",
        "how many CPUs each worker may run on, taken in turn",
        relation=DIFFERS,
        why="only CPUs that the server itself may use are dealt out",
    ),
    Option(
        "limit-as",
        kinds.count(1),
        "limits",
        "the most address space a process may have, in megabytes",
        relation=DIFFERS,
        why=_WORKERS_ONLY,
    ),
    Option(
        "limit-nproc",
        kinds.count(1),
        "limits",
        "the most processes and threads the user may have",
        relation=DIFFERS,
        why=_WORKERS_ONLY,
    ),
    Option(
        "max-fd",
        kinds.count(16),
        "limits",
        "the most descriptors a process may have open",
        relation=DIFFERS,
        why=_WORKERS_ONLY,
    ),
    Option(
        "prio",
        kinds.NICENESS,
        "limits",
        "the niceness of the processes, from -20 (first) to 19",
        relation=DIFFERS,
        why=_WORKERS_ONLY,
    ),
    Option(
        "forkbomb-delay",
        kinds.seconds(1),
        "limits",
        "seconds before the next try after a worker died before it was ready, or soon after",
        default=1,
        implies=("master",),
        relation=DIFFERS,
        why="1 and not 2, doubled by each such death up to 60; who dies soon after it began to "
        "serve is followed after a tenth of it, doubled up to a quarter",
    ),
    Option(
        "threads-stacksize",
        kinds.count(32, 1048576),
        "threads",
        "the stack of each thread of a worker, in kilobytes",
        aliases=("thread-stacksize", "thread-stack-size", "threads-stack-size"),
    ),
    Option(
        "no-threads-wait",
        kinds.FLAG,
        "threads",
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why="the application's own threads are never waited for",
    ),
    Option(
        "flock",
        kinds.PATH,
        "ipc-locks",
        "lock a file, and do not start when another instance holds it",
        relation=DIFFERS,
        why=_LOCKED,
        reloadable=False,
    ),
    Option(
        "flock-wait",
        kinds.PATH,
        "ipc-locks",
        "lock a file, and wait while another instance holds it",
        relation=DIFFERS,
        why=_LOCKED,
        reloadable=False,
    ),
    Option(
        "flock2",
        kinds.PATH,
        "ipc-locks",
        "as flock, once the log is open",
        relation=DIFFERS,
        why=_LOCKED,
        reloadable=False,
    ),
    Option(
        "flock-wait2",
        kinds.PATH,
        "ipc-locks",
        "as flock-wait, once the log is open",
        relation=DIFFERS,
        why=_LOCKED,
        reloadable=False,
    ),
)
