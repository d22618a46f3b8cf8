"""getopt_long's rules over the option table, checked against uWSGI 2.0.31's answers."""

import pytest

from quaich.config.commandline import compatible, modern
from quaich.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "items", "others"),
    [
        ("-s :0 -Mp4", [("socket", ":0"), ("master", None), ("processes", "4")], []),
        ("-s:0 -M -p 4", [("socket", ":0"), ("master", None), ("processes", "4")], []),
        ("--socket=:0", [("socket", ":0")], []),
        ("--socket :0", [("socket", ":0")], []),
        ("--workers 4", [("workers", "4")], []),
        ("--http-time 180", [("http-timeout", "180")], []),
        ("--umas 022 --master-fi x", [("umask", "022"), ("master-fifo", "x")], []),
        ("--need-app false", [("need-app", None)], ["false"]),
        ("--need-app=false", [("need-app", "false")], []),
        ("--chmod", [("chmod", None)], []),
        ("-C -s :0", [("chmod-socket", None), ("socket", ":0")], []),
        ("-C660", [("chmod-socket", "660")], []),
        ("-C=660", [("chmod-socket", "=660")], []),
        ("-p 3 a.ini -p 5", [("processes", "3"), ("processes", "5")], ["a.ini"]),
        ("-M -- --master -p", [("master", None)], ["--master", "-p"]),
        ("- -M", [("master", None)], ["-"]),
        ("--env A=B=C", [("env", "A=B=C")], []),
        ("--env=A=B=C", [("env", "A=B=C")], []),
        ("-s -M", [("socket", "-M")], []),
        ("--socket --master", [("socket", "--master")], []),
        ("--socket=", [("socket", "")], []),
        ("-vw x", [("max-vars", "w")], ["x"]),
    ],
)
def test_compatible(arguments: str, items: list[tuple[str, str | None]], others: list[str]) -> None:
    line = compatible(arguments.split())
    assert [(item.key, item.value) for item in line.items] == items
    assert line.others == others
    assert {item.place for item in line.items} <= {"command line"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--harakri 3", "unknown option --harakri; did you mean --harakiri?"),
        ("--harakri=3", "unknown option --harakri; did you mean --harakiri?"),
        ("--quux", "unknown option --quux"),
        ("--=x", "unknown option --"),
        ("--mast", "--mast is ambiguous: it may be --master, --master-fifo, --master-as-root"),
        ("--chmo=660", "--chmo is ambiguous"),
        ("--r", "more"),
        ("--master=false", "--master takes no value on the command line"),
        ("--mem=1", "is ambiguous"),
        ("-Z", "unknown option -Z"),
        ("-MZ", "unknown option -Z"),
        ("-s", "-s needs a value: expected an address"),
        ("--socket", "--socket needs a value: expected an address"),
        ("--bind :80", "unknown option --bind"),
    ],
)
def test_compatible_refuses(arguments: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        compatible(arguments.split())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "items", "others"),
    [
        ("m:app --bind :80 --workers=4", [("bind", ":80"), ("workers", "4")], ["m:app"]),
        ("m --vacuum=false", [("vacuum", "false")], ["m"]),
        ("m --vacuum", [("vacuum", None)], ["m"]),
        ("-h", [("help", None)], []),
        ("--help", [("help", None)], []),
        ("--ini x.ini", [("ini", "x.ini")], []),
        ("-- --odd", [], ["--odd"]),
    ],
)
def test_modern(arguments: str, items: list[tuple[str, str | None]], others: list[str]) -> None:
    line = modern(arguments.split())
    assert [(item.key, item.value) for item in line.items] == items
    assert line.others == others


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--wrkers 2", "unknown option --wrkers; did you mean --workers?"),
        ("--http-time 3", "unknown option --http-time"),
        ("-p 2", "unknown option -p; quaich serve takes long options only"),
        ("--bind", "--bind needs a value"),
    ],
)
def test_modern_refuses(arguments: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        modern(arguments.split())
    assert message in str(error.value)
