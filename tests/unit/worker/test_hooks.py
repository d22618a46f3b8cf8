"""Hooks performed in this process, on files of the test."""

import os
import signal
import socket
from pathlib import Path

import pytest

from quaich.config import hooks as texts
from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.worker import hooks


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND))


def do(text: str, log: Log) -> None:
    hooks.perform(texts.parse(text), log)


def test_files(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "f"
    do(f"write:{path} a b", log)
    do(f"append:{path} c", log)
    assert path.read_text() == "a bc"
    do(f"writen:{path} a", log)
    do(f"appendn:{path} b", log)
    assert path.read_text() == "a\nb\n"
    do(f"chmod:{path} 0600", log)
    assert path.stat().st_mode & 0o7777 == 0o600
    do(f"chown:{path} {os.getuid()} {os.getgid()}", log)
    do(f"chown2:{path} {os.getuid()} {os.getgid()}", log)
    do(f"create:{path}", log)
    assert path.read_text() == ""
    do(f"unlink:{path}", log)
    assert not path.exists()
    do(f"mkdir:{path}", log)
    do(f"sticky:{path}", log)
    assert path.stat().st_mode & 0o1000
    do(f"wait_for_dir:{path} 1", log)


def test_the_process(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("GONE", "1")
    do(f"cd:{tmp_path}", log)
    assert os.getcwd() == str(tmp_path)
    do("putenv:HOOKED=a=b", log)
    do("putenv:GONE", log)
    do("exec:echo $HOOKED $GONE; pwd", log)
    do("safeexec:exit 3", log)
    assert capfd.readouterr().out == f"a=b\n{tmp_path}\n"
    monkeypatch.delenv("HOOKED")
    do("log:words", log)
    lines = (tmp_path / "log").read_text().splitlines()
    warning = "warning: safeexec:exit 3: the command ended with exit=3; that is not fatal"
    assert lines == [warning, "words"]


def test_a_fifo(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    # As after an instance that is gone; without the FIFO itself something is wrong.
    do(f"writefifo:{path} x", log)
    warning = f"warning: writefifo:{path}: nobody reads it; that is not fatal\n"
    assert (tmp_path / "log").read_text() == warning
    with pytest.raises(OSError, match="No such file"):
        do(f"writefifo:{path}.not x", log)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    do(f"writefifo:{path} x", log)
    do(f"spinningfifo:{path} y", log)
    assert os.read(reader, 10) == b"xy"
    os.close(reader)


def test_a_fifo_without_a_reader_is_tried_until_there_is_one(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    readers = []
    monkeypatch.setattr(
        hooks.time, "sleep", lambda _: readers.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    )
    do(f"spinningfifo:{path} x", log)
    assert os.read(readers[0], 10) == b"x"
    os.close(readers[0])
    assert len(readers) == 1


def test_nobody_of_that_name(tmp_path: Path, log: Log) -> None:
    with pytest.raises(OSError, match="no-such-user"):
        do(f"chown:{tmp_path} no-such-user 0", log)


def test_a_command_whose_end_is_not_to_be_known(log: Log) -> None:
    """As where the application ignores SIGCHLD: the kernel keeps no status."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        do("exec:exit 3", log)
    finally:
        signal.signal(signal.SIGCHLD, before)


class Ended(BaseException):
    pass


@pytest.mark.parametrize(("alone", "executed"), [(False, True), (True, False)])
def test_in_the_child(
    log: Log, monkeypatch: pytest.MonkeyPatch, alone: bool, executed: bool
) -> None:
    """It executes a shell, or ends: also where its parent has died meanwhile."""
    done: list[object] = []

    def end(status: int) -> None:
        done.append(status)
        raise Ended

    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(os, "execv", lambda *args: done.append(args))
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(hooks.process, "reset_signals", lambda: None)
    monkeypatch.setattr(hooks.process, "die_with_parent", lambda parent: not alone)
    handler = signal.getsignal(signal.SIGPIPE)
    wakeup = signal.set_wakeup_fd(-1)
    try:
        with pytest.raises(Ended):
            do("exec:true", log)
        assert signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGPIPE, handler)
        signal.set_wakeup_fd(wakeup)
    assert done == [*([("/bin/sh", ["/bin/sh", "-c", "true"])] if executed else []), 127]


def test_ends(log: Log) -> None:
    with pytest.raises(hooks.Exit) as ended:
        do("exit:7", log)
    assert ended.value.status == 7
    with pytest.raises(hooks.HookError, match="die:so"):
        do("die:so", log)


def test_what_fails_names_the_option(tmp_path: Path, log: Log) -> None:
    config = Config(
        hook_asap=("unlink:/nowhere/x",),
        exec_pre_app=("exit 3",),
        hook_as_user=("!exec:exit 4",),
        places=(("hook-asap", "site.ini:3"),),
    )
    for phase, expected in (
        ("asap", "site.ini:3: hook-asap = unlink:/nowhere/x: no such file or directory"),
        ("pre-app", "exec-pre-app = exit 3: the command ended with exit=3"),
        ("as-user", r"hook-as-user = \(hidden\): the command ended with exit=4"),
    ):
        with pytest.raises(hooks.HookError, match=expected):
            hooks.run(config, phase, log)
    assert "exit 4" not in (tmp_path / "log").read_text()
    assert not hooks.wanted(config, "post-app")


def test_what_comes_while_it_is_waited_for(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "late"
    monkeypatch.setattr(hooks.time, "sleep", lambda _: path.write_text(""))
    do(f"wait_for_file:{path} 5", log)
    assert f"waiting for={path} seconds=5" in (tmp_path / "log").read_text()


def test_what_is_waited_for_in_vain(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(hooks.time, "sleep", lambda _: None)
    monkeypatch.setattr(hooks.time, "monotonic", lambda: next(clock))
    with pytest.raises(OSError, match="the file /nowhere is not there after 5 s"):
        do("wait_for_file:/nowhere 5", log)
    config = Config(wait_for_interface=("none0",), wait_for_interface_timeout=0)
    with pytest.raises(hooks.HookError, match="the interface none0 is not there"):
        hooks.run(config, "as-root", log)


def test_waiting(tmp_path: Path, log: Log) -> None:
    with pytest.raises(hooks.HookError, match="wait-for-fs = /nowhere: the path /nowhere is not"):
        hooks.run(Config(wait_for_fs=("/nowhere",), wait_for_fs_timeout=0), "as-root", log)
    path = str(tmp_path / "s")
    config = Config(wait_for_socket=(path,), wait_for_socket_timeout=0)
    with pytest.raises(hooks.HookError, match="the socket"):
        hooks.run(config, "as-root", log)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        hooks.run(config, "as-root", log)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        hooks.run(Config(wait_for_socket=(address,)), "as-root", log)
    hooks.run(Config(wait_for_interface=("lo",), wait_for_mountpoint=("/",)), "as-root", log)


@pytest.mark.parametrize(
    ("slot", "replaces", "expected"),
    [
        (1, False, "accepting accepting-once accepting1 accepting1-once"),
        (1, True, "accepting accepting1"),
        (2, False, "accepting accepting-once"),
        (2, True, "accepting"),
    ],
)
def test_who_accepts(
    slot: int, replaces: bool, expected: str, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    config = Config(
        hook_accepting=("print:accepting",),
        hook_accepting_once=("print:accepting-once",),
        hook_accepting1=("print:accepting1",),
        hook_accepting1_once=("print:accepting1-once",),
    )
    hooks.accepting(config, slot, replaces, log)
    assert capsys.readouterr().out.split() == expected.split()
