"""uWSGI's statistics: its keys in its order, its types, its layout."""

import json

from quaich.stats.document import document, uwsgi_metrics, variables, version
from quaich.stats.figures import Figures, Listener, Worker, public
from quaich.values import asdict, replace
from tests.unit.stats.samples import FIGURES

# As uWSGI 2.0.31 gives them.
SERVER = (
    *("version", "listen_queue", "listen_queue_errors", "signal_queue", "load", "pid", "uid"),
    *("gid", "cwd", "daemons", "locks", "sockets", "workers"),
)
SOCKET = ("name", "proto", "queue", "max_queue", "shared", "can_offload")
WORKER = (
    *("id", "pid", "accepting", "requests", "delta_requests", "exceptions", "harakiri_count"),
    *("signals", "signal_queue", "status", "rss", "vsz", "running_time", "last_spawn"),
    *("respawn_count", "tx", "avg_rt", "apps", "cores"),
)
APP = ("id", "modifier1", "mountpoint", "startup_time", "requests", "exceptions", "chdir")
CORE = (
    *("id", "requests", "static_requests", "routed_requests", "offloaded_requests"),
    *("write_errors", "read_errors", "in_request", "vars", "req_info"),
)

LAYOUT = """\
{
	"version":"2.0.0+quaich.1",
	"listen_queue":0,
	"listen_queue_errors":0,
	"signal_queue":0,
	"load":0,
	"pid":0,
	"uid":0,
	"gid":0,
	"cwd":"",
	"locks":[

	],
	"sockets":[
		{
			"name":"a",
			"proto":"http",
			"queue":0,
			"max_queue":0,
			"shared":0,
			"can_offload":0
		}
	],
	"workers":[

	]
}"""

CORES = """\
					"in_request":1,
					"vars":[
"REQUEST_METHOD=GET",
"REQUEST_URI=/path",
"REMOTE_ADDR=192.0.2.1",
""
					],
					"req_info":					{
						"request_start":1699999998
					}
				},
"""
IDLE = """\
					"in_request":0,
					"vars":[

					],
					"req_info":					{

					}
				}
"""


def test_the_keys_are_those_of_uwsgi_in_its_order() -> None:
    data = json.loads(document(FIGURES))
    assert tuple(data) == SERVER
    assert [tuple(each) for each in data["sockets"]] == [SOCKET, SOCKET]
    assert tuple(data["daemons"][0]) == ("cmd", "pid", "respawns")
    for worker in data["workers"]:
        assert tuple(worker) == WORKER
        assert [tuple(each) for each in worker["apps"]] == [APP]
        assert all(tuple(each) == CORE for each in worker["cores"])


def test_daemons_are_only_named_where_there_are_any() -> None:
    assert "daemons" not in json.loads(document(replace(FIGURES, daemons=())))


def test_the_values() -> None:
    data = json.loads(document(FIGURES))
    assert data["listen_queue"] == data["load"] == 3
    assert data["listen_queue_errors"] == 1
    first, _, cheap = data["workers"]
    assert (first["requests"], first["delta_requests"], first["respawn_count"]) == (10, 9, 3)
    assert (first["running_time"], first["avg_rt"], first["tx"]) == (1500000, 250000, 5000)
    assert (first["last_spawn"], first["status"]) == (1699999000, "busy")
    assert first["apps"][0]["startup_time"] == 1
    assert (cheap["id"], cheap["pid"], cheap["status"], cheap["accepting"]) == (3, 0, "cheap", 0)


def test_the_layout() -> None:
    empty = Figures(version="1", listeners=(Listener("a", "http"),))
    assert document(empty).decode() == LAYOUT
    whole = document(FIGURES).decode()
    assert CORES in whole
    assert IDLE in whole


def test_minified_and_without_cores() -> None:
    text = document(FIGURES, minified=True, cores=False).decode()
    assert "\n" not in text
    assert " " not in text.replace("sleep 1", "")
    assert all("cores" not in each for each in json.loads(text)["workers"])


def test_what_programs_read_has_no_query_either() -> None:
    assert "secret" not in json.dumps(asdict(public(FIGURES)))
    assert public(FIGURES).workers[1:] == FIGURES.workers[1:]


def test_neither_query_nor_headers_are_shown() -> None:
    assert b"secret" not in document(FIGURES)
    assert variables("- POST /x?y") == [
        "REQUEST_METHOD=POST",
        "REQUEST_URI=/x",
        "REMOTE_ADDR=-",
        "",
    ]
    assert variables("") == [""]


def test_what_is_not_ascii_is_escaped() -> None:
    figures = replace(FIGURES, cwd="/srv/caf\u00e9\n")
    assert json.loads(document(figures))["cwd"] == figures.cwd
    assert document(figures).isascii()


def test_the_version_has_numbers_in_front() -> None:
    assert [int(part) for part in version("0.1.0").split(".")[:2]] == [2, 0]


def test_metrics_stand_before_the_sockets() -> None:
    data = json.loads(document(FIGURES, metrics=True))
    assert list(data).index("metrics") == list(data).index("sockets") - 1
    found = data["metrics"]
    assert found["worker.1.requests"] == {"type": 0, "oid": "3.1.1", "value": 10}
    assert found["worker.0.requests"]["value"] == 0
    assert found["worker.1.core.0.write_errors"] == {"type": 0, "oid": "3.1.2.0.3", "value": 2}
    assert found["socket.0.listen_queue"] == {"type": 1, "oid": "7.0.1", "value": 3}
    assert found["core.busy_workers"]["value"] == 1
    assert found["core.total_tx"]["value"] == 5000


def test_metrics_without_cores() -> None:
    names = [name for name, *_ in uwsgi_metrics(FIGURES, False)]
    assert not [name for name in names if ".core." in name]
    assert len(names) == len(set(names))


def test_an_overload_is_every_worker_busy() -> None:
    all_busy = Figures(workers=(Worker(1, pid=1, status="busy"), Worker(2)))
    found = {name: value for name, _, _, value in uwsgi_metrics(all_busy, True)}
    assert found["core.overloaded"] == 1
