"""Variables that are options, and those that only look like it."""

from quaich.config.environment import QUAICH, UWSGI, read


def test_names_are_translated_and_placed() -> None:
    items = read({"UWSGI_HTTP_SOCKET": ":0", "HOME": "/", "UWSGI_MASTER": ""}, UWSGI)
    assert [(item.key, item.value, item.place) for item in items] == [
        ("http-socket", ":0", "UWSGI_HTTP_SOCKET"),
        ("master", "", "UWSGI_MASTER"),
    ]


def test_prefixes_are_apart() -> None:
    environ = {"UWSGI_PROCESSES": "2", "QUAICH_PROCESSES": "3"}
    assert [item.value for item in read(environ, UWSGI)] == ["2"]
    assert [item.value for item in read(environ, QUAICH)] == ["3"]


def test_what_uwsgi_tells_its_children_is_no_option() -> None:
    assert read({"UWSGI_RELOADS": "1", "UWSGI_EMPEROR_FD": "3"}, UWSGI) == []
    assert read({"QUAICH_PURE": "1"}, QUAICH) == []
