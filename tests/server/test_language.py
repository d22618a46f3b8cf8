"""The language as it is typed: what prints, exits or falls back instead of serving."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def quaich(
    directory: Path, *arguments: str, environ: dict[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quaich", *arguments],
        cwd=directory,
        env={**os.environ, **(environ or {})},
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "status", "stdout", "stderr"),
    [
        ("exit = 5", 5, "", ""),
        ("exit", 0, "", ""),
        ("exit = 300", 44, "", ""),
        ("iprint = now\nexit = 3", 3, "", "now\n"),
        ("x = 5\nx = 6\nget = x\nget = nothing", 0, "5\n", ""),
        ("if-env = QUAICH_NOT_SET\nexit = 5\nelse\nexit = 6\nendif", 6, "", ""),
    ],
)
def test_actions(tmp_path: Path, text: str, status: int, stdout: str, stderr: str) -> None:
    (tmp_path / "a.ini").write_text(f"[uwsgi]\n{text}\n")
    done = quaich(tmp_path, "a.ini")
    assert (done.returncode, done.stdout, done.stderr) == (status, stdout, stderr)


def test_stdin(tmp_path: Path) -> None:
    assert quaich(tmp_path, "--ini", "-", text="[uwsgi]\nexit = 7\n").returncode == 7


def test_every_option_is_dumped(tmp_path: Path) -> None:
    done = quaich(tmp_path, "--dump-options")
    names = done.stdout.split()
    assert done.returncode == 0
    assert {"socket", "if-env", "json", "harakiri"} <= set(names)


@pytest.mark.parametrize("text", ["strict = true\nvaccum = 1", "exit = 1", "ini = no.ini"])
def test_the_fallback(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.ini").write_text(f"[uwsgi]\nfallback-config = b.ini\n{text}\n")
    (tmp_path / "b.ini").write_text("[uwsgi]\nexit = 9\n")
    done = quaich(tmp_path, "a.ini")
    assert done.returncode == 9
    assert "starting with b.ini [QX149]" in done.stderr


def test_variables_from_files(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# c\nA=\"1 2\"\nexport B='x'\nC=a\\\nb\n")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "D").write_text("d\n")
    options = ["--env-file", "env", "--early-envdir", "dir", "--set", "x=$(A)|$(B)|$(C)|$(D)"]
    done = quaich(tmp_path, *options, "--get", "x")
    assert done.stdout == "1 2|x|ab|d\n"


def test_what_outranks(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text("[uwsgi]\nget = x\n")
    environ = {"UWSGI_X": "low", "UWSGI_INI": "a.ini"}
    assert quaich(tmp_path, "--set", "y=1", environ=environ).stdout == "low\n"
