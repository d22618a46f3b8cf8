"""Figures to test with: two workers, one in a request, and one slot without a process."""

from quaich.stats.figures import Core, Daemon, Figures, Listener, Sink, Worker

BUSY = Core(0, 7, 1, 2, age=2.5, note="192.0.2.1 GET /path?token=secret")
IDLE = Core(1, 3)

FIGURES = Figures(
    version="1.2.3",
    pid=10,
    uid=1000,
    gid=1001,
    cwd="/srv/site",
    now=1_700_000_000.5,
    uptime=60.0,
    phase="serving",
    generation=4,
    wanted=2,
    overflows=1,
    loading=1.9,
    reloads=3,
    reloads_failed=1,
    deaths=2,
    workers=(
        Worker(
            1,
            pid=11,
            status="busy",
            generation=4,
            accepting=True,
            requests=10,
            delta=9,
            exceptions=1,
            harakiris=1,
            spawns=3,
            spawned=1_699_999_000.25,
            sent=5000,
            running=1_500_000,
            average=250_000,
            took=1_600_000,
            buckets=(4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 1),
            parked=2,
            refused=1,
            lost=5,
            rss=4096,
            vsz=8192,
            cores=(BUSY, IDLE),
        ),
        Worker(2, pid=12, status="idle", accepting=True, cores=(Core(0), Core(1))),
        Worker(3),
    ),
    listeners=(Listener("127.0.0.1:80", "http", 3, 100), Listener("/run/s.sock", "uwsgi", 0, 5)),
    daemons=(Daemon("sleep 1", 13, 1),),
    lost=1,
    sinks=(Sink("syslog:x", 9, 7),),
)
