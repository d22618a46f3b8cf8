"""Golden cases: what is written, and the configuration, notes or error that comes of it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quaich.config.base import NOTE, WARNING, Diagnostic
from quaich.config.effective import Config, ListenSpec
from quaich.config.resolve import (
    MAX_NOTES,
    compatible,
    dump,
    modern,
    read_compatible,
    read_modern,
)
from quaich.errors import ConfigError, UsageError
from quaich.values import fields

Host = Callable[..., Any]
APART = ("door", "notes", "places", "listeners")


def changed(config: Config) -> dict[str, object]:
    """The option fields that are not at their defaults."""
    return {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.name not in APART and getattr(config, field.name) != field.default
    }


def read(
    host: Host,
    arguments: str,
    files: Mapping[str, str | bytes] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    return compatible(["quaich", *arguments.split()], environ or {}, host(files or {}))


def from_ini(host: Host, text: str) -> Config:
    return read(host, "--ini site.ini -s :0 -w m", {"site.ini": "[uwsgi]\n" + text})


def said(note: Diagnostic) -> str:
    """Place and text; every note also has a code."""
    assert str(note).endswith(f" [{note.code}]")
    return str(note).rpartition(" [")[0]


def warnings(config: Config) -> list[str]:
    return [said(note) for note in config.notes if note.severity == WARNING]


def infos(config: Config) -> list[str]:
    return [said(note) for note in config.notes if note.severity == NOTE]


TUTORIAL_INI = """\
[uwsgi]
# -------------
# Settings:
# key = value
# Comments >> #
# -------------

# socket = [addr:port]
socket = 127.0.0.1:8080

# Base application directory
# chdir = /full/path
chdir  = /my_app

# WSGI module and callable
# module = [wsgi_module_name]:[application_callable_name]
module = app:application

# master = [master process (true of false)]
master = true

# processes = [number of processes]
processes = 5

..

"""
TUTORIAL_JSON = """\
{
    "uwsgi": {
        "socket": ["127.0.0.1:8080"],
        "module": "my_app:app",
        "master": true,
        "processes": 5,
    }
}
"""


@pytest.mark.parametrize("arguments", ["--ini c.ini", "c.ini"])
def test_the_tutorials_ini(host: Host, arguments: str) -> None:
    config = read(host, arguments, {"c.ini": TUTORIAL_INI})
    assert changed(config) == {
        "chdir": "/my_app",
        "module": "app:application",
        "master": True,
        "processes": 5,
    }
    assert config.listeners == (ListenSpec("127.0.0.1:8080", "uwsgi", "socket", "c.ini:9"),)
    assert warnings(config) == ['c.ini:25: ".." is no setting; ignored']


@pytest.mark.parametrize("arguments", ["--json c.json", "c.json"])
def test_the_tutorials_json(host: Host, arguments: str) -> None:
    config = read(host, arguments, {"c.json": TUTORIAL_JSON})
    assert changed(config) == {"module": "my_app:app", "master": True, "processes": 5}
    assert config.listeners == (ListenSpec("127.0.0.1:8080", "uwsgi", "socket", "c.json:3"),)
    assert warnings(config) == ["c.json:6:23: JSON does not allow a trailing comma; it is skipped"]


@pytest.mark.parametrize(
    ("arguments", "expected", "listeners"),
    [
        (
            "--socket 127.0.0.1:8080 --protocol=http -w wsgi",
            {"protocol": "http", "module": "wsgi"},
            [("127.0.0.1:8080", "http")],
        ),
        ("--socket 127.0.0.1:8080 -w wsgi", {"module": "wsgi"}, [("127.0.0.1:8080", "uwsgi")]),
        (
            "--module name --callable app",
            {"module": "name", "callable": "app"},
            [("127.0.0.1:8080", "auto")],
        ),
        ("-w name:app", {"module": "name:app"}, [("127.0.0.1:8080", "auto")]),
        (
            "--pythonpath /path/to/app --module wsgihandler",
            {"pythonpath": ("/path/to/app",), "module": "wsgihandler"},
            [("127.0.0.1:8080", "auto")],
        ),
        (
            "--socket 127.0.0.1:81 --wsgi-file /t/app.py --logto /t/log",
            {"wsgi_file": "/t/app.py", "logto": "/t/log"},
            [("127.0.0.1:81", "uwsgi")],
        ),
        ("-w m --protocol http", {"module": "m", "protocol": "http"}, [("127.0.0.1:8080", "http")]),
        (
            "--http :1 --http-socket :2 --http11-socket :3 -s /s --uwsgi-socket @a",
            {},
            [(":1", "http"), (":2", "http"), (":3", "http"), ("/s", "uwsgi"), ("@a", "uwsgi")],
        ),
        (
            "-s /a -s /b --protocol http --http :1",
            {"protocol": "http"},
            [("/a", "http"), ("/b", "http"), (":1", "http")],
        ),
        (
            "-s :0 -H /venv --pp /a --pp /b --env A=1 --env B=2 --mount /x=m:app --mount /y=f.py",
            {
                "virtualenv": "/venv",
                "pythonpath": ("/a", "/b"),
                "env": ("A=1", "B=2"),
                "mount": ("/x=m:app", "/y=f.py"),
            },
            [(":0", "uwsgi")],
        ),
        (
            "-s /s -C660 --chown-socket www:www --umask 007 --uid www --gid 33 -l 500 -L",
            {
                "chmod_socket": 0o660,
                "chown_socket": "www:www",
                "umask": 0o007,
                "uid": "www",
                "gid": "33",
                "listen": 500,
                "disable_logging": True,
            },
            [("/s", "uwsgi")],
        ),
        ("-s :0 --http-keepalive", {}, [(":0", "uwsgi")]),
        ("-s :0 --http-keepalive=5", {"http_keepalive": 5}, [(":0", "uwsgi")]),
        ("-s :0 --threads 0", {}, [(":0", "uwsgi")]),
        ("-s :0 --need-app", {"need_app": True}, [(":0", "uwsgi")]),
        ("[uWSGI] -s :0", {}, [(":0", "uwsgi")]),
    ],
)
def test_command_lines(
    host: Host, arguments: str, expected: dict[str, object], listeners: list[tuple[str, str]]
) -> None:
    config = read(host, arguments)
    assert config.door == "compatible"
    assert changed(config) == expected
    assert [(spec.address, spec.protocol) for spec in config.listeners] == listeners
    assert warnings(config) == []


class TestPrecedence:
    """uWSGI's one ordered list: environment, command line, files given by position."""

    INI: Mapping[str, str] = {"a.ini": "[uwsgi]\nthreads = 3\nmodule = file"}

    @pytest.mark.parametrize(
        ("arguments", "environ", "threads", "place"),
        [
            ("-s :0", {"UWSGI_THREADS": "2"}, 2, "UWSGI_THREADS"),
            ("-s :0 --threads 4", {"UWSGI_THREADS": "2"}, 4, "command line"),
            ("-s :0 --threads 4 --ini a.ini", {}, 3, "a.ini:2"),
            ("-s :0 --ini a.ini --threads 4", {}, 4, "command line"),
            ("-s :0 a.ini --threads 4", {}, 3, "a.ini:2"),
            ("-s :0 --threads 5 a.ini --threads 4", {"UWSGI_THREADS": "2"}, 3, "a.ini:2"),
            ("-s :0 a.ini", {"QUAICH_THREADS": "9"}, 9, "QUAICH_THREADS"),
            (
                "-s :0 --threads 4",
                {"QUAICH_THREADS": "9", "UWSGI_THREADS": "1"},
                9,
                "QUAICH_THREADS",
            ),
            ("-s :0 --threads 4 --threads 6", {}, 6, "command line"),
        ],
    )
    def test_last_scalar_wins(
        self, host: Host, arguments: str, environ: dict[str, str], threads: int, place: str
    ) -> None:
        config = read(host, arguments, self.INI, environ)
        assert config.threads == threads
        assert config.place_of("threads") == place

    def test_lists_collect(self, host: Host) -> None:
        config = read(
            host,
            "-s :1 --env A=1 --ini a.ini --env C=3",
            {"a.ini": "[uwsgi]\nenv = B=2\nsocket = :2"},
            {"UWSGI_SOCKET": ":0"},
        )
        assert config.env == ("A=1", "B=2", "C=3")
        assert [spec.address for spec in config.listeners] == [":0", ":1", ":2"]

    def test_what_outranks_replaces_lists(self, host: Host) -> None:
        config = read(
            host,
            "-s :1 --http-socket :8 --env A=1 --ini a.ini",
            {"a.ini": "[uwsgi]\nenv = B=2\nsocket = :2"},
            {"UWSGI_SOCKET": ":0", "QUAICH_ENV": "D=4", "QUAICH_SOCKET": ":9"},
        )
        assert config.env == ("D=4",)
        assert [spec.address for spec in config.listeners] == [":8", ":9"]

    def test_the_environment_may_name_a_file(self, host: Host) -> None:
        assert read(host, "-s :0", self.INI, {"UWSGI_INI": "a.ini"}).module == "file"

    def test_an_alias_shares_the_place(self, host: Host) -> None:
        config = read(host, "-s :0 --workers 2")
        assert config.place_of("processes") == config.place_of("workers") == "command line"
        assert config.place_of("module") == ""


class TestPlaceholders:
    def test_a_key_used_as_placeholder_is_no_mistake(self, host: Host) -> None:
        config = from_ini(host, "base = /srv/%(name)\nname = x\nchdir = %(base)/app")
        assert config.chdir == "/srv/x/app"
        assert warnings(config) == []

    def test_the_first_definition_counts(self, host: Host) -> None:
        config = from_ini(host, "chdir = /%(x)\nx = 1\nx = 2")
        assert config.chdir == "/1"

    def test_arithmetic_with_magic(self, host: Host) -> None:
        assert from_ini(host, "processes = %(%k * 2)\nmaster = 1").processes == 4

    def test_environment(self, host: Host) -> None:
        config = read(
            host,
            "--ini a.ini",
            {"a.ini": "[uwsgi]\nsocket = /run/$(NAME).sock\nlisten = $(N)"},
            {"NAME": "x", "N": "7"},
        )
        assert config.listeners[0].address == "/run/x.sock"
        assert config.listen == 7

    def test_what_is_not_defined_stays_and_is_reported(self, host: Host) -> None:
        config = from_ini(host, "chdir = /%(nope)/$(NOPE)")
        assert config.chdir == "/%(nope)/$(NOPE)"
        assert warnings(config) == [
            "site.ini:2: chdir: $(NOPE) is not set and stays as it is written",
            "site.ini:2: chdir: %(nope) is not defined and stays as it is written",
        ]

    def test_declared_ones_are_never_unknown(self, host: Host) -> None:
        config = from_ini(host, "set-ph = a=1\nset = threads=3\nstrict = true")
        assert config.threads == 3
        assert warnings(config) == []


@pytest.mark.parametrize(
    ("line", "expected", "warning"),
    [
        ("vaccum = true", {}, 'unknown option "vaccum" ignored; did you mean vacuum?'),
        ("thread = 3", {}, 'unknown option "thread" ignored; did you mean threads?'),
        ("process = 3", {}, 'unknown option "process" ignored; did you mean processes?'),
        ("<<<<<<< HEAD", {}, '"<<<<<<< HEAD" is no setting; ignored'),
        ("bind = :80", {}, 'unknown option "bind" ignored'),
        ("x\x1b[31m = 1", {}, 'unknown option "x\\x1b[31m" ignored'),
        ("cron-harakiri = 60", {}, "cron-harakiri: not supported yet; ignored"),
        ("spooler-quiet = 1", {}, "spooler-quiet: not supported yet; ignored"),
        ("threads = 4 ; four", {"threads": 4}, "threads: read as 4: a comment must stand"),
        ("http-timeout = 5m", {"http_timeout": 300}, "http-timeout: read as 300; uWSGI would"),
        ("buffer-size = 65536", {}, "buffer-size: read as 65535, the most it can be"),
        ("vacuum = true ; x", {"vacuum": True}, "vacuum: read as true: a comment must stand"),
        ("callable = app # x", {"callable": "app # x"}, "callable: the comment is part of"),
        ('callable = "app"', {"callable": '"app"'}, "callable: the quotes are part of"),
        ("chdir = %q/x", {"chdir": "/x"}, '"%q" is no magic variable'),
    ],
)
def test_warnings(host: Host, line: str, expected: dict[str, object], warning: str) -> None:
    config = from_ini(host, line)
    assert changed(config) == {"module": "m", **expected}
    assert len(warnings(config)) == 1
    assert warnings(config)[0].startswith(f"site.ini:2: {warning}")


@pytest.mark.parametrize(
    "line",
    [
        "single-interpreter = true",
        "thunder-lock",
        "plugins = python3,http",
        "no-orphans = true",
        "py-call-uwsgi-fork-hooks = true",
        "http-chunked-input = true",
        "harakiri-verbose = false",
        "emperor-tyrant = off",
        "lazy = no",
        "module = m",
        "socket = :1",
        "die-on-term",
    ],
)
def test_nothing_to_say(host: Host, line: str) -> None:
    assert warnings(from_ini(host, line)) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "processes = ten",
            'site.ini:2: processes: expected a number from 1 to 4096, or auto, got "ten"',
        ),
        (
            "processes = 0",
            'site.ini:2: processes: expected a number from 1 to 4096, or auto, got "0"',
        ),
        (
            "processes",
            "site.ini:2: processes: expected a number from 1 to 4096, or auto, got nothing",
        ),
        ("workers = -1", "site.ini:2: workers: expected a number"),
        (
            "http-timeout = soon",
            'site.ini:2: http-timeout: expected seconds, at least 1, got "soon"',
        ),
        (
            "protocol = foo",
            'site.ini:2: protocol: expected uwsgi or http or scgi or fastcgi, got "foo"',
        ),
        ("protocol = raw", "raw is not supported yet"),
        ("chmod-socket = abc", "site.ini:2: chmod-socket: expected three octal digits such as 660"),
        ("umask = 99", "site.ini:2: umask: expected octal digits"),
        ("socket =", "site.ini:2: socket: expected an address such as"),
        ("mount = app", "site.ini:2: mount: expected /prefix=application"),
        ("unshare = pid", "site.ini:2: unshare: not supported, and it cannot be ignored: it conf"),
        ("route = ^/admin basicauth:x", "its rules may refuse or protect requests"),
        ("sni = a b c", "it protects connections with TLS"),
        ("signal = 9", "it asks for an action instead of a server"),
        ("strict = true\nvaccum = 1", 'site.ini:3: unknown option "vaccum"; did you mean vacuum?'),
        ("vaccum = 1\nstrict", 'site.ini:2: unknown option "vaccum"; did you mean vacuum?'),
        ("strict\nbase = /x\nchdir = %(base)", "declare it: set-placeholder = base=/x"),
    ],
)
def test_errors(host: Host, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_ini(host, line)
    assert message in str(error.value)
    assert str(error.value).startswith("site.ini:")
    assert "\n" not in str(error.value)
    assert error.value.status == 1


def test_a_long_value_is_shortened_in_a_message(host: Host) -> None:
    with pytest.raises(ConfigError) as error:
        from_ini(host, "processes = " + "x" * 100_000)
    assert len(str(error.value)) < 200


def test_strict_leaves_the_shared_environment_alone(host: Host) -> None:
    config = read(host, "-s :0 --strict", environ={"UWSGI_SERVICE_HOST": "10.0.0.1"})
    assert warnings(config) == ['UWSGI_SERVICE_HOST: unknown option "service-host" ignored']


def test_many_warnings_are_summed_up(host: Host) -> None:
    config = from_ini(host, "".join(f"nothing-known-{n} = 1\n" for n in range(5000)))
    assert len(warnings(config)) == MAX_NOTES + 1
    assert warnings(config)[-1] == f"{5000 - MAX_NOTES} more warnings of the same sort"
    assert len(infos(config)) == 2


class TestHabits:
    """uWSGI's footguns that are in force are named, each with its way out."""

    @pytest.mark.parametrize(
        ("arguments", "texts"),
        [
            ("-s :0", ["no master: ", "cannot be loaded is answered with 500"]),
            ("-s :0 -M", ["SIGTERM reloads instead of stopping", "cannot be loaded"]),
            ("-s :0 -M --die-on-term --need-app", []),
            ("-s :0 -p 2 --need-app", ["more than one process is always supervised"]),
        ],
    )
    def test_notes(self, host: Host, arguments: str, texts: list[str]) -> None:
        notes = infos(read(host, arguments))
        assert len(notes) == len(texts)
        for note, text in zip(notes, texts, strict=True):
            assert text in note

    def test_several_processes_are_supervised(self, host: Host) -> None:
        config = read(host, "-s :0 -p 2")
        assert (config.master, config.die_on_term) == (True, True)

    def test_a_master_that_was_asked_for_keeps_its_signals(self, host: Host) -> None:
        config = read(host, "-s :0 -p 2 -M")
        assert (config.master, config.die_on_term) == (True, False)

    def test_no_socket_is_noted(self, host: Host) -> None:
        assert "listening on 127.0.0.1:8080" in infos(read(host, "-w m"))[0]


class TestStdin:
    def test_a_socket_as_stdin_is_served(self, host: Host) -> None:
        config = compatible(["quaich", "-w", "m"], {}, host({}, stdin_is_socket=True))
        assert config.listeners == (ListenSpec("fd://0", "uwsgi", "socket", ""),)

    def test_with_its_protocol(self, host: Host) -> None:
        argv = ["quaich", "--protocol", "http"]
        assert compatible(argv, {}, host({}, stdin_is_socket=True)).listeners[0].protocol == "http"

    def test_but_not_beside_another(self, host: Host) -> None:
        config = compatible(["quaich", "-s", ":0"], {}, host({}, stdin_is_socket=True))
        assert [spec.address for spec in config.listeners] == [":0"]


@pytest.mark.parametrize("arguments", ["-M", "--callable app", "--ini a.ini"])
def test_nothing_to_serve(host: Host, arguments: str) -> None:
    with pytest.raises(UsageError, match="nothing to serve"):
        read(host, arguments, {"a.ini": "[uwsgi]\n"})


def test_the_notes_of_reading_come_first(host: Host) -> None:
    config = read(host, "a.json -s :0", {"a.json": '{"uwsgi": {"vaccum": 1,}}'})
    assert "trailing comma" in str(config.notes[0])
    assert "vaccum" in str(config.notes[1])


class TestModern:
    DEFAULTS: Mapping[str, object] = {
        "master": True,
        "need_app": True,
        "die_on_term": True,
        "vacuum": True,
        "strict": True,
    }

    def read(
        self,
        host: Host,
        arguments: str,
        files: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Config:
        return modern(["serve", *arguments.split()], environ or {}, host(files or {}))

    @pytest.mark.parametrize(
        ("arguments", "expected", "listeners"),
        [
            ("m:app", {"module": "m:app"}, ["127.0.0.1:8000"]),
            ("app.py", {"wsgi_file": "app.py"}, ["127.0.0.1:8000"]),
            ("./x/site.wsgi", {"wsgi_file": "./x/site.wsgi"}, ["127.0.0.1:8000"]),
            ("--wsgi-file app.py", {"wsgi_file": "app.py"}, ["127.0.0.1:8000"]),
            (
                "m:app --bind :80 --bind=unix:/run/x --bind fd://3 --bind [::1]:81",
                {"module": "m:app"},
                [":80", "/run/x", "fd://3", "[::1]:81"],
            ),
            ("m --bind unix:@x --bind unix:///run/y", {"module": "m"}, ["@x", "/run/y"]),
            ("m --workers 4 --threads 2", {"module": "m", "processes": 4, "threads": 2}, None),
            ("m --vacuum=false --chdir /x", {"module": "m", "vacuum": False, "chdir": "/x"}, None),
            ("m --http-keepalive=5", {"module": "m", "http_keepalive": 5}, None),
        ],
    )
    def test_command_lines(
        self,
        host: Host,
        arguments: str,
        expected: dict[str, object],
        listeners: list[str] | None,
    ) -> None:
        config = self.read(host, arguments)
        wanted = {**self.DEFAULTS, **expected}
        assert config.door == "modern"
        assert changed(config) == {name: value for name, value in wanted.items() if value}
        assert [spec.address for spec in config.listeners] == (listeners or ["127.0.0.1:8000"])
        assert {spec.protocol for spec in config.listeners} == {"http"}
        assert config.notes == ()

    def test_a_uwsgi_socket_beside(self, host: Host) -> None:
        config = self.read(host, "m --socket /run/s --bind :80")
        assert [spec.protocol for spec in config.listeners] == ["uwsgi", "http"]

    def test_its_environment(self, host: Host) -> None:
        config = self.read(
            host,
            "m --workers 2",
            environ={"QUAICH_WORKERS": "3", "UWSGI_THREADS": "9", "QUAICH_SERVICE_HOST": "x"},
        )
        assert (config.processes, config.threads) == (3, 1)
        assert warnings(config) == ['QUAICH_SERVICE_HOST: unknown option "service-host" ignored']

    def test_a_file(self, host: Host) -> None:
        config = self.read(host, "--ini a.ini", {"a.ini": "[uwsgi]\nmodule = m\ncron-harakiri = 3"})
        assert config.module == "m"
        assert warnings(config) == ["a.ini:3: cron-harakiri: not supported yet; ignored"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("", "nothing to serve: write quaich serve module:app"),
            ("m other", "one application is served, got m and other"),
            ("m --http-keepalive 5", "a value of --http-keepalive needs an equals sign"),
            ("m --bind 8000", "expected host:port, unix:/path or fd://N"),
            ("m --bind 8000", "did you mean :8000?"),
            ("m --bind unix:", "expected a path after unix:"),
            (
                "m --workers two",
                'command line: workers: expected a number from 1 to 4096, or auto, got "two"',
            ),
            ("m --cron-harakiri 3", "--cron-harakiri: not supported yet"),
            ("m --unshare pid", "it confines the server"),
            ("m --ini a.ini", 'a.ini:2: unknown option "vaccum"; did you mean vacuum?'),
        ],
    )
    def test_errors(self, host: Host, arguments: str, message: str) -> None:
        with pytest.raises(ConfigError) as error:
            self.read(host, arguments, {"a.ini": "[uwsgi]\nvaccum = 1"})
        assert message in str(error.value)


class TestActions:
    @pytest.mark.parametrize(
        ("arguments", "action"),
        [
            ("-h", "help"),
            ("--usage", "help"),
            ("--version", "version"),
            ("--ini no.ini -h", "help"),
        ],
    )
    def test_compatible(self, host: Host, arguments: str, action: str) -> None:
        argv = ["quaich", *arguments.split()]
        assert read_compatible(argv, {}, host({})).action == action

    def test_modern(self, host: Host) -> None:
        assert read_modern(["serve", "--help"], {}, host({})).action == "help"


def test_show_config_prints_as_uwsgi_does(host: Host) -> None:
    files = {"a.ini": "[uwsgi]\nbase = /x\nsocket = %(base)/s\nmaster = true\ndie-on-term\n.."}
    argv = ["uwsgi", "--ini", "a.ini", "-p", "2", "--show-config"]
    resolution = read_compatible(argv, {}, host(files))
    assert resolution.config.show_config
    assert dump(resolution.items) == (
        "\n"
        ";uWSGI instance configuration\n"
        "[uwsgi]\n"
        "ini = a.ini\n"
        "base = /x\n"
        "socket = /x/s\n"
        "master = true\n"
        "die-on-term = \n"
        ".. = \n"
        "processes = 2\n"
        "show-config = true\n"
        ";end of configuration\n"
        "\n"
    )


WORDS = st.sampled_from(
    [
        *("[uwsgi]", "[b]", "\n", "\r\n", " ", "=", ";", "#", "%", "%(", "(", ")", "$(", "@(", '"'),
        *("a", "ini", ":b", "a.ini", "socket", "master", "processes", "set", "set-ph", "strict"),
        *(
            "1",
            "-1",
            "true",
            ":0",
            "include",
            "env",
            "A=1",
            "+",
            "/",
            "0",
            "{",
            "}",
            "\x00",
            "\xe9",
        ),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=40).map("".join))
def test_any_file_is_read_or_refused(host: Host, text: str) -> None:
    for name in ("a.ini", "a.json"):
        try:
            config = read(host, name, {name: text})
        except ConfigError:
            continue
        assert Config.from_json(config.to_json()) == config


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet="-=spwMCha1:. ", max_size=6) | WORDS, max_size=5))
def test_any_command_line_is_read_or_refused(host: Host, words: list[str]) -> None:
    for door in (compatible, modern):
        with suppress(ConfigError):
            door(["quaich", *words], {}, host({}))


def test_reading_again_gives_the_same(host: Host) -> None:
    machine = host({"a.ini": "[uwsgi]\nsocket=:0\nvaccum=1\nprocesses=3"})
    argv = ["quaich", "a.ini"]
    assert compatible(argv, {}, machine) == compatible(argv, {}, machine)


@pytest.mark.parametrize("option", ["--idle 5", "--cheap", "--touch-reload x"])
def test_an_option_that_needs_a_master_starts_one(host: Host, option: str) -> None:
    assert read(host, f"--http-socket :0 -w x {option}").master
    assert not read(host, "--http-socket :0 -w x").master


def test_auto_is_one_process_a_processor(host: Host) -> None:
    config = from_ini(host, "processes = auto\nmaster = true")
    assert config.processes == 3
    # Held against others it is that many.
    assert from_ini(host, "processes = auto\ncheaper = 2").cheaper == 2


@pytest.mark.parametrize("written", ["net_raw,setgid", "CAP_NET_RAW, cap_setgid"])
def test_capabilities(host: Host, written: str) -> None:
    assert from_ini(host, f"cap = {written}").cap == "net_raw,setgid"
    with pytest.raises(ConfigError, match="names of capabilities"):
        from_ini(host, "cap = net_raw,everything")


class TestEncryption:
    """How listeners get their certificates."""

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("https-socket = :443,c.pem,k.pem", ("c.pem", "k.pem", "", "", False)),
            ("ssl-socket = :443,c,k,HIGH", ("c", "k", "HIGH", "", False)),
            ("https = :443,c,k,HIGH,ca", ("c", "k", "HIGH", "ca", False)),
            ("https = :443,c,k,,!ca", ("c", "k", "", "ca", True)),
            ("https2 = addr=:443,cert=c,key=k", ("c", "k", "", "", False)),
            ("https2 = key=k,crt=c,client_ca=!ca,addr=:443", ("c", "k", "", "ca", True)),
        ],
    )
    def test_compatible(self, host: Host, line: str, expected: tuple[object, ...]) -> None:
        [spec] = [each for each in from_ini(host, line).listeners if each.tls]
        tls = spec.tls
        assert tls is not None
        assert (spec.address, spec.protocol, tls.place) == (":443", "http", "site.ini:2")
        found = (tls.certificate, tls.key, tls.ciphers, tls.authority, tls.required)
        assert found == expected
        config = from_ini(host, line)
        assert Config.from_json(config.to_json()) == config

    def test_suwsgi_stays_uwsgi(self, host: Host) -> None:
        config = from_ini(host, "protocol = http\nsuwsgi-socket = :443,c,k\nsocket = :80")
        found = {spec.address: spec.protocol for spec in config.listeners}
        assert (found[":443"], found[":80"]) == ("uwsgi", "http")

    @pytest.mark.parametrize(
        "line",
        [
            "https-socket = :443",
            "https-socket = :443,c",
            "https-socket = :443,,k",
            "https-socket = :443,c,k,",
            "https-socket = :443,c,k,x,!",
            "https-socket = :443,c,k,x,y,z",
            "https2 = addr=:443,cert=c",
            "https2 = addr=:443,cert=c,key=",
            "https2 = addr=:443,cert=c,crt=c,key=k",
            "https2 = addr=:443,cert=c,key=k,spdy=1",
            "https2 = :443,c,k",
        ],
    )
    def test_what_is_refused(self, host: Host, line: str) -> None:
        with pytest.raises(ConfigError, match="expected addr"):
            from_ini(host, line)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10.0.0.0/8 , unix", "10.0.0.0/8,unix"), ("*", "*"), ("::1", "::1")],
)
def test_forwarded_allow(host: Host, text: str, value: str) -> None:
    assert from_ini(host, f"forwarded-allow = {text}").forwarded_allow == value


@pytest.mark.parametrize("text", ["lan", "10.0.0.1/8", "10.0.0.0/8,", "unix:/x"])
def test_forwarded_allow_refuses(host: Host, text: str) -> None:
    with pytest.raises(ConfigError, match="addresses and networks"):
        from_ini(host, f"forwarded-allow = {text}")


class TestModernEncryption:
    """The certificate of what ``quaich serve`` listens on."""

    def read(self, host: Host, *arguments: str) -> Config:
        return modern(["serve", *arguments, "m:app"], {}, host({}))

    def test_it_counts_for_every_address(self, host: Host) -> None:
        where = ("--bind", ":443", "--bind", ":444")
        config = self.read(host, *where, "--tls-cert", "c", "--tls-key", "k")
        assert [(each.tls.certificate, each.tls.key) for each in config.listeners if each.tls] == [
            ("c", "k")
        ] * 2

    def test_one_file_for_both_at_the_usual_address(self, host: Host) -> None:
        [spec] = self.read(host, "--tls-cert", "c", "--tls-client-ca", "ca").listeners
        assert spec.tls is not None
        assert (spec.tls.key, spec.tls.authority, spec.tls.required) == ("c", "ca", True)

    def test_a_key_alone_is_a_mistake(self, host: Host) -> None:
        with pytest.raises(ConfigError, match="expected tls-cert to be set too"):
            self.read(host, "--tls-key", "k")
