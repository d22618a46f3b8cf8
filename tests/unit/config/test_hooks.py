"""Hook actions as they are written."""

import pytest

from quaich.config import hooks
from quaich.config.kinds import Refused


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("exec:echo a: b; c", "exec", ("echo a: b; c",)),
        ("exec: echo", "exec", (" echo",)),
        ("safeexec:false", "safeexec", ("false",)),
        ("exec?:false", "safeexec", ("false",)),
        ("print:", "print", ("",)),
        ("write:/a b: c  d", "write", ("/a", "b: c  d")),
        ("creat:/a b", "create", ("/a b",)),
        ("cd:/a", "chdir", ("/a",)),
        ("chmod:/a 0640", "chmod", ("/a", "0640")),
        ("chown:/a www www-data", "chown", ("/a", "www", "www-data")),
        ("chown2:/a 1 2", "chown2", ("/a", "1", "2")),
        ("putenv:A=b c", "putenv", ("A=b c",)),
        ("putenv:A", "putenv", ("A",)),
        ("exit:", "exit", ("0",)),
        ("exit:7", "exit", ("7",)),
        ("wait_for_file:/a", "wait_for_file", ("/a", "60")),
        ("wait_for_socket:/a 3", "wait_for_socket", ("/a", "3")),
    ],
)
def test_actions(text: str, name: str, words: tuple[str, ...]) -> None:
    assert hooks.parse(text) == hooks.Action(name, words)
    hidden = hooks.parse(f"!{text}")
    assert hidden == hooks.Action(name, words, hidden=True)
    assert hidden.shown == "(hidden)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "exec:COMMAND"),
        ("echo hi", "exec:COMMAND"),
        ("exce:true", "did you mean exec:?"),
        (" exec:true", "did you mean exec:?"),
        ("exec", "with a colon"),
        ("exec:", "what it is about"),
        ("call:x", "no C symbols"),
        ("callret:x", "no C symbols"),
        ("mount:proc none /proc", "not mounted"),
        ("alarm:a b", "not supported yet"),
        ("write:/a", "write:PATH TEXT"),
        ("chmod:/a", "chmod:PATH MODE"),
        ("chmod:/a abc", "octal"),
        ("chown:/a www", "chown:PATH USER GROUP"),
        ("chown:/a www:www", "chown:PATH USER GROUP"),
        ("chown2:/a www www", "numbers"),
        ("putenv:=x", "putenv:NAME=VALUE"),
        ("exit:300", "from 0 to 255"),
        ("wait_for_file:/a soon", "SECONDS"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    with pytest.raises(Refused, match=expected.replace("?", r"\?")):
        hooks.parse(text)


def test_a_signal_becomes_a_graceful_stop() -> None:
    text = "unix_signal:15 gracefully_kill_them_all"
    assert hooks.stops((text, "print:x")) == ("SIGTERM",)
    assert hooks.stops((text.replace("15", "SIGQUIT"),)) == ("SIGQUIT",)
    for phase, mistake, expected in (
        ("asap", text, "hook-master-start"),
        ("master-start", text.replace("15", "9"), "one of HUP"),
        ("master-start", "unix_signal:15", "gracefully_kill_them_all"),
        ("master-start", "unix_signal:15 kill_them", "gracefully_kill_them_all"),
    ):
        with pytest.raises(Refused, match=expected):
            hooks.parse(mistake, phase)


def test_a_file_to_touch() -> None:
    assert hooks.touch("/a exec:b c") == ("/a", "exec:b c")
    for text in ("", "/a", " exec:b"):
        with pytest.raises(Refused, match="a file and"):
            hooks.touch(text)
    with pytest.raises(Refused):
        hooks.TOUCH_HOOK.read("/a nonsense")
    assert hooks.TOUCH_EXEC.read("/a anything goes").value == "/a anything goes"
