"""What an application finds around it: the same in the first generation, which is a fork of the
master, and in a later one, whose interpreter was executed."""

import json
import signal
from pathlib import Path

from tests.conftest import StartServer
from tests.support.processes import wait_until
from tests.support.server import install_commands

APPLICATION = """
import atexit, gc, json, os, re, resource, signal, sys, threading

def look():
    main = sys.modules["__main__"]
    open_files = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        kind = re.sub(r"[0-9]+", "N", target)
        key = kind + (" inherited" if os.get_inheritable(int(name)) else "")
        open_files[key] = open_files.get(key, 0) + 1
    status = open("/proc/self/status").read()
    return {
        "path": sys.path,
        "argv": sys.argv,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "flags": repr(sys.flags),
        "main": [main.__name__, hasattr(main, "__file__"), repr(main.__spec__)],
        "environ": dict(os.environ),
        "directory": os.getcwd(),
        "signals": {n: repr(signal.getsignal(n)) for n in signal.valid_signals()},
        "kernel": re.findall(r"^(?:Sig(?:Blk|Ign|Cgt)|NoNewPrivs|Umask):.*", status, re.M),
        "exits": atexit._ncallbacks(),
        "threads": [each.name for each in threading.enumerate()],
        "collecting": [gc.isenabled(), gc.get_threshold()],
        "streams": [repr(sys.stdin), repr(sys.stdout), repr(sys.stderr)],
        "leader": os.getpgid(0) == os.getpid(),
        "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
        "files": open_files,
    }

found = json.dumps(look())
name = next(str(n) for n in range(9) if not os.path.exists(str(n)))
with open(name + ".new", "w") as file:
    file.write(found)
os.rename(name + ".new", name)

def application(environ, start_response):
    return []
"""


def test_generations_see_the_same(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "looks.py").write_text(APPLICATION)
    install_commands(tmp_path / "bin", "quaich")
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "looks", "--master", "-p", "2"),
        *("--master-fifo", "fifo", "--pidfile", "pid", "--touch-reload", "looks.py"),
        argv=[str(tmp_path / "bin" / "quaich")],
    )
    server.wait_ready(2)
    server.send(signal.SIGHUP)
    wait_until((tmp_path / "1").exists, 20, "the second generation has loaded")
    first, second = (json.loads((tmp_path / name).read_text()) for name in "01")
    for key in first:
        assert first[key] == second[key], key
