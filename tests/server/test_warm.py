"""What a generation does before it serves: warm up, load lazily, set up and try out its workers."""

import os
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import stat, wait_until
from tests.support.server import Server, command, run

APPLICATION = """
import os, random, time
LOADED_IN = os.getpid()
warmed = []
hooked = []
VALUE = random.random()
random.seed(1)

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if environ.get("HTTP_USER_AGENT") == "quaich-warmup":
        warmed.append(path)
    # So that another worker takes the next one.
    time.sleep(0.05 if environ["QUERY_STRING"] == "hold" else 0)
    if path == "/raise":
        raise ValueError("on purpose")
    if path == "/exit":
        raise SystemExit(3)
    body = {
        "/warmed": lambda: f"{os.getpid()} {warmed}",
        "/loaded": lambda: f"{os.getpid()} {LOADED_IN}",
        "/hooked": lambda: f"{os.getpid()} {hooked}",
        "/random": lambda: f"{os.getpid()} {random.random()}",
    }.get(path, lambda: environ["HTTP_HOST"])().encode()
    status = "503 Not Yet" if os.path.exists("unready") and path == "/ready" else "200 OK"
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]

def hook():
    hooked.append(os.getpid())
    if os.path.exists("unhook"):
        raise RuntimeError("no database")
"""


def get(address: Address, path: str = "/") -> str:
    """The body of an answer 200, or the status line of another."""
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    head, _, body = exchange(address, request.encode()).decode().partition("\r\n\r\n")
    return body if " 200 " in head.partition("\r\n")[0] else head.partition("\r\n")[0]


def listening(server: Server) -> Address:
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return match["host"], int(match["port"])


def from_each(address: Address, path: str, workers: int = 2) -> dict[int, str]:
    """What each worker answers, which begins with its pid."""
    found: dict[int, str] = {}

    def all_there() -> bool:
        # Those who leave may still answer.
        found.clear()
        with ThreadPoolExecutor(2 * workers) as pool:
            for body in pool.map(lambda _: get(address, f"{path}?hold"), range(2 * workers)):
                pid, _, rest = body.partition(" ")
                found[int(pid)] = rest
        return len(found) == workers

    wait_until(all_there, 20, f"an answer of each of {workers} workers")
    return found


class Warm:
    """Starts a server of the application above."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory

    def __call__(
        self, *options: str, workers: int = 2, code: str = APPLICATION, master: bool = True
    ) -> Server:
        (self.directory / "warm.py").write_text(code)
        return self._start(
            *("--http-socket", "127.0.0.1:0", "-w", "warm", "--disable-logging"),
            *(("--master", "-p", str(workers)) if master else ()),
            *options,
        )


@pytest.fixture
def warm(start: StartServer, tmp_path: Path) -> Warm:
    return Warm(start, tmp_path)


def test_warmup_is_requested_once_before_the_fork(warm: Warm) -> None:
    server = warm("--warmup", "/one", "--warmup", "http://shop.example/two")
    server.wait_ready(2)
    told = from_each(listening(server), "/warmed")
    assert set(told.values()) == {"['/one', '/two']"}
    assert server.log.count("warmup path=/one status=200 ms=") == 1
    assert server.log.count("warmup path=http://shop.example/two status=200 ms=") == 1


def test_a_warmup_that_fails_is_a_fact_and_no_more(warm: Warm) -> None:
    server = warm("--warmup", "/raise", "--warmup", "/exit")
    server.wait_ready(2)
    assert 'in application\n    raise ValueError("on purpose")' in server.log
    assert re.search(
        r"^warning: warmup path=/raise status=0 ms=\d+: ValueError: on purpose$", server.log, re.M
    )
    assert re.search(
        r"^warning: warmup path=/exit status=0 ms=\d+: SystemExit: 3$", server.log, re.M
    )
    assert get(listening(server)) == "h"


def test_without_a_master_it_warms_up_too(warm: Warm) -> None:
    server = warm(
        *("--warmup", "/one", "--ready-path", "/ready", "--post-fork", "warm:hook"), master=False
    )
    server.wait_ready(1)
    address = listening(server)
    assert get(address, "/warmed").endswith("['/one']")
    assert get(address, "/hooked") == f"{server.pid} [{server.pid}]"


def test_a_server_without_a_master_that_is_not_ready_ends(warm: Warm) -> None:
    (warm.directory / "unready").touch()
    server = warm("--ready-path", "/ready", master=False)
    assert server.wait_exit() == 1
    assert "ready-path = /ready: expected a status of 2xx or 3xx, got 503" in server.log


def test_hooks_run_in_each_worker(warm: Warm) -> None:
    server = warm("--post-fork", "warm:hook")
    server.wait_ready(2)
    for pid, told in from_each(listening(server), "/hooked").items():
        assert told == f"[{pid}]"


def test_workers_do_not_share_their_random_numbers(warm: Warm) -> None:
    server = warm()
    server.wait_ready(2)
    assert len(set(from_each(listening(server), "/random").values())) == 2


@pytest.mark.parametrize(
    ("file", "option", "reason"),
    [
        ("unready", ("--ready-path", "/ready"), "ready-path = /ready: expected a status of 2xx"),
        (
            "unhook",
            ("--post-fork", "warm:hook"),
            "post-fork = warm:hook: RuntimeError: no database",
        ),
    ],
)
def test_a_reload_whose_workers_are_not_ready_is_dropped(
    warm: Warm, file: str, option: tuple[str, str], reason: str
) -> None:
    server = warm(*option)
    server.wait_ready(2)
    (warm.directory / file).touch()
    server.send(signal.SIGHUP)
    server.wait_line(rf"^error: worker=\d pid=\d+ is not ready: command line: {re.escape(reason)}")
    server.wait_line(r"^error: generation=2 dropped, generation=1 serves on")
    assert get(listening(server)) == "h"
    (warm.directory / file).unlink()
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=3 serves workers=2")


def test_a_hook_that_does_not_exist(warm: Warm) -> None:
    server = warm("--post-fork", "warm:nothing")
    assert server.wait_exit() != 0
    assert "post-fork = warm:nothing: there is no 'nothing' in" in server.log


@pytest.mark.parametrize("option", ["--lazy-apps", "--lazy"])
def test_lazy_applications_are_loaded_by_each_worker(warm: Warm, option: str) -> None:
    server = warm(option, "--warmup", "/one", "--post-fork", "warm:hook")
    server.wait_ready(2)
    address = listening(server)
    for pid, told in from_each(address, "/loaded").items():
        assert told == str(pid)
    assert set(from_each(address, "/warmed").values()) == {"['/one']"}
    for pid, told in from_each(address, "/hooked").items():
        assert told == f"[{pid}]"


def test_a_lazy_application_that_fails_is_answered_with_500(warm: Warm) -> None:
    server = warm("--lazy-apps", code="raise ValueError('broken')")
    server.wait_ready(2)
    assert get(listening(server)).startswith("HTTP/1.1 500 ")
    assert server.log.count("ValueError: broken") >= 2


def test_a_lazy_reload_that_fails_is_dropped(warm: Warm) -> None:
    server = warm("--lazy-apps")
    server.wait_ready(2)
    (warm.directory / "warm.py").write_text("raise ValueError('broken')")
    server.send(signal.SIGHUP)
    server.wait_line(r"^error: generation=2 dropped, generation=1 serves on")
    server.wait_line(
        r"^error: worker=\d pid=\d+ is not ready: command line: module = warm: ValueError: broken"
    )
    assert get(listening(server)) == "h"


CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


def test_a_lazy_reload_that_crashes_is_dropped(warm: Warm) -> None:
    server = warm("--lazy-apps", "--pidfile", "p")
    server.wait_ready(2)
    (warm.directory / "warm.py").write_text(CRASH)
    done = run([*command(), "reload", "p"], cwd=warm.directory)
    assert done.returncode == 1
    assert re.search(r"reload: worker=\d pid=\d+ died signal=SIGSEGV", done.stderr)
    assert get(listening(server)) == "h"


def test_a_lazy_application_that_crashes_at_a_start_is_tried_again_and_mended(warm: Warm) -> None:
    server = warm("--lazy-apps", "--pidfile", "p", code=CRASH)
    server.wait_line(
        r"^error: generation=1 does not serve yet: worker=\d has died 3 times before it"
    )
    status = run([*command(), "status", "p"], cwd=warm.directory).stdout
    assert ": starting, up " in status
    assert re.search(r"worker \d: starts again in \d s, died early [23] times in a row", status)
    (warm.directory / "warm.py").write_text(APPLICATION)
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    assert get(listening(server)) == "h"


def test_such_a_start_ends_where_an_application_is_needed(warm: Warm) -> None:
    server = warm("--lazy-apps", "--need-app", code=CRASH)
    assert server.wait_exit(20) == 22
    assert re.search(
        r"^error: generation=1 cannot start: worker=\d pid=\d+ died signal=SIGSEGV after=\S+ "
        r"generation=1, 3 times before it was ready$",
        server.log,
        re.M,
    )
    server.wait_gone()


BUSY = """
import threading, time

def busy():
    while True:
        print(end="")
        time.sleep(0)

threading.Thread(target=busy, name="refresher", daemon=True).start()

def application(environ, start_response):
    print("answering", flush=True)
    start_response("200 OK", [])
    return [b"fine"]
"""


def test_a_thread_that_is_busy_at_the_fork_is_named_and_harms_nobody(warm: Warm) -> None:
    for _ in range(5):
        server = warm(code=BUSY, workers=4)
        server.wait_ready(4)
        assert "the thread refresher is not in the workers; start it in each" in server.log
        address = listening(server)
        assert [get(address) for _ in range(20)] == ["fine"] * 20
        server.stop()


def test_what_workers_would_share_is_named(warm: Warm) -> None:
    code = "import socket\nkept = socket.create_connection({!r})\n" + APPLICATION
    with socket.create_server(("127.0.0.1", 0)) as peer:
        address = peer.getsockname()
        server = warm(code=code.replace("{!r}", repr(address)))
        server.wait_ready(2)
        line = rf"^warning: fork: the workers share the connection to 127.0.0.1:{address[1]} "
        server.wait_line(line)
        assert len(re.findall(line, server.log, re.MULTILINE)) == 1


def test_fork_handlers_of_the_application_run_in_workers(warm: Warm) -> None:
    code = APPLICATION + "\nos.register_at_fork(after_in_child=lambda: hooked.append('forked'))\n"
    server = warm(code=code)
    server.wait_ready(2)
    assert all("forked" in told for told in from_each(listening(server), "/hooked").values())


def edit(path: Path, text: str) -> None:
    """As an editor does; the time of the file moves on even on a coarse clock."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.utime(fresh, ns=(before + 2_000_000_000,) * 2)
    fresh.replace(path)


VERSIONED = """
import helper
def application(environ, start_response):
    if environ["PATH_INFO"] == "/late":
        import late
        body = late.TEXT
    else:
        body = helper.TEXT
    start_response("200 OK", [])
    return [body.encode()]
"""


@pytest.mark.parametrize("lazy", [(), ("--lazy-apps",)])
def test_an_edited_module_is_loaded_and_a_broken_one_harms_nobody(
    warm: Warm, lazy: tuple[str, ...]
) -> None:
    helper = warm.directory / "helper.py"
    helper.write_text("TEXT = 'one'")
    server = warm("--py-autoreload", "1", *lazy, code=VERSIONED)
    server.wait_ready(2)
    address = listening(server)
    assert get(address) == "one"
    edit(helper, "TEXT = 'two'")
    wait_until(lambda: get(address) == "two", 20, "the edited module")
    edit(helper, "TEXT = ")
    server.wait_line(r"^error: generation=3 dropped, generation=2 serves on")
    assert get(address) == "two"
    edit(helper, "import other\nTEXT = 'three'")
    server.wait_line(r"^error: generation=4 dropped, generation=2 serves on")
    edit(helper, "TEXT = 'four'")
    wait_until(lambda: get(address) == "four", 20, "the mended module")


def test_a_module_that_fails_at_the_start_can_be_mended(warm: Warm) -> None:
    (warm.directory / "helper.py").write_text("raise ValueError('broken')")
    server = warm("--py-autoreload", "1", code=VERSIONED)
    server.wait_ready(2)
    address = listening(server)
    assert get(address).startswith("HTTP/1.1 500 ")
    edit(warm.directory / "helper.py", "TEXT = 'mended'")
    wait_until(lambda: get(address) == "mended", 20, "the mended module")


def test_what_a_request_imports_is_looked_at_too(warm: Warm) -> None:
    (warm.directory / "helper.py").write_text("TEXT = 'one'")
    late = warm.directory / "late.py"
    late.write_text("TEXT = 'late'")
    server = warm("--py-auto-reload", "1", code=VERSIONED, workers=1)
    server.wait_ready(1)
    address = listening(server)
    assert get(address, "/late") == "late"

    def changed() -> bool:
        # Until worker 1 has told of it, a change goes unnoticed: so it is edited again.
        edit(late, "TEXT = 'later'")
        return get(address, "/late") == "later"

    wait_until(changed, 20, "the edited module")


def test_an_ignored_module_is_not_looked_at(warm: Warm) -> None:
    helper = warm.directory / "helper.py"
    helper.write_text("TEXT = 'one'")
    server = warm("--py-autoreload", "1", "--py-auto-reload-ignore", "helper", code=VERSIONED)
    server.wait_ready(2)
    edit(helper, "TEXT = 'two'")
    edit(warm.directory / "warm.py", VERSIONED + "# touched")
    touched = server.wait_line(r"^touched=(.*) action=reload")
    assert touched[1] == str(warm.directory / "warm.py")


@pytest.mark.parametrize(
    "option",
    [
        ("--reload-on-exception",),
        ("--reload-on-exception-type", "ValueError"),
        ("--reload-on-exception-value", "on purpose"),
        ("--reload-on-exception-repr", "ValueError('on purpose')"),
    ],
)
def test_a_worker_in_which_the_application_raised_is_replaced(
    warm: Warm, option: tuple[str, ...]
) -> None:
    server = warm(*option)
    server.wait_ready(2)
    address = listening(server)
    assert get(address, "/raise").startswith("HTTP/1.1 500 ")
    old = server.wait_line(r"^worker=\d pid=(\d+) recycled exception=ValueError generation=1")[1]
    server.wait_line(rf"^worker=\d pid={old} left exit=17 ")
    assert int(old) not in from_each(address, "/loaded")


def test_other_exceptions_replace_nobody(warm: Warm) -> None:
    server = warm("--reload-on-exception-type", "KeyError")
    server.wait_ready(2)
    address = listening(server)
    assert get(address, "/raise").startswith("HTTP/1.1 500 ")
    from_each(address, "/loaded")
    assert "recycled" not in server.log


def test_workers_are_forked_anew_from_a_state_that_has_served(warm: Warm) -> None:
    server = warm("--refork-after", "20", "--warmup", "/one", "--warmup", "/two")
    server.wait_line(r"^generation=2 serves workers=2")
    assert "warmup requests=20 failed=0 seconds=" in server.log
    address = listening(server)
    told = set(from_each(address, "/warmed").values())
    assert told == {str(["/one", "/two"] * 11)}
    assert server.log.count("application loaded") == 1
    # Whoever loaded it is gone: it was the zygote before.
    loaded = {int(pid) for pid in from_each(address, "/loaded").values()}
    wait_until(lambda: not any(stat(pid) for pid in loaded), 20, "the first zygote gone")
    # A reload begins from the files again, and is followed by its own.
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=4 serves workers=2")
    assert server.log.count("application loaded") == 2
    assert set(from_each(address, "/warmed").values()) == told


def test_a_worker_of_a_reforked_zygote_is_replaced(warm: Warm) -> None:
    server = warm("--refork-after", "1")
    server.wait_line(r"^generation=2 serves workers=2")
    address = listening(server)
    before = from_each(address, "/loaded")
    os.kill(next(iter(before)), signal.SIGKILL)
    server.wait_line(r"^worker=\d pid=\d+ ready generation=2", count=3)
    assert set(from_each(address, "/loaded")) != set(before)


@pytest.mark.parametrize(
    ("end", "reason", "within"),
    [
        ("os._exit(3)", "the process that loads the application died exit=3", "60"),
        # The first generation has to be ready in this time, too.
        ("time.sleep(60)", "still loading after startup-timeout=5s", "5"),
    ],
)
def test_a_refork_that_fails_leaves_everything_as_it_was(
    warm: Warm, end: str, reason: str, within: str
) -> None:
    code = APPLICATION.replace(
        'if path == "/raise":',
        f'if path == "/" and os.getpid() != LOADED_IN: {end}\n    if path == "/raise":',
    )
    server = warm("--refork-after", "5", "--warmup", "/", "--startup-timeout", within, code=code)
    server.wait_line(rf"^error: generation=2 dropped, generation=1 serves on: .*{reason}")
    told = from_each(listening(server), "/loaded")
    assert len(told) == 2
    server.wait_line(r"^generation=1 serves workers=2")


def test_a_server_whose_application_is_lazy_and_missing_ends(warm: Warm) -> None:
    server = warm("--lazy-apps", "--need-app", code="raise ValueError('broken')")
    assert server.wait_exit() == 22
    server.wait_gone()


def test_a_first_start_that_is_not_ready_ends(warm: Warm) -> None:
    (warm.directory / "unready").touch()
    server = warm("--ready-path", "/ready")
    assert server.wait_exit() == 1
