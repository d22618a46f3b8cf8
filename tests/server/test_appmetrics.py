"""An application's own metrics in /metrics: the sum of its workers, over reloads and deaths."""

import os
import signal
import threading
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import wait_until
from tests.support.server import Server

APP = """
import os, signal
import flask
from prometheus_client import Counter, Gauge, Histogram

application = flask.Flask(__name__)
ORDERS = Counter("shop_orders", "Orders.", ["kind"])
TOOK = Histogram("shop_took_seconds", "Took.", buckets=(1, 5))
CARTS = Gauge("shop_carts", "Carts.", multiprocess_mode="livesum")
CARTS.set(2)

@application.route("/order")
def order():
    ORDERS.labels("book").inc()
    TOOK.observe(2)
    return "ok"

@application.after_request
def note(response):
    if flask.request.url_rule:
        flask.request.environ["quaich.route"] = str(flask.request.url_rule)
    return response

@application.route("/item/<int:number>")
def item(number):
    return "item"

@application.route("/kill")
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Shop:
    def __init__(self, start: StartServer, directory: Path) -> None:
        (directory / "shop.py").write_text(APP)
        self.server: Server = start(
            *("--http-socket", "127.0.0.1:0", "--stats", "127.0.0.1:0", "-w", "shop"),
            *("--master", "-p", "2", "--disable-logging"),
        )
        self.server.wait_ready(2)
        self.http = self._address(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
        self.stats = self._address(r"^stats=(?P<host>[0-9.]+):(?P<port>\d+)$")

    def _address(self, pattern: str) -> Address:
        match = self.server.wait_line(pattern)
        return match["host"], int(match["port"])

    def order(self, path: str = "/order") -> bool:
        """Whether it was answered."""
        data = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
        try:
            return exchange(self.http, data, 10.0).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def metrics(self) -> dict[str, float]:
        accept = "Accept: application/openmetrics-text"
        data = f"GET /metrics HTTP/1.1\r\nHost: h\r\n{accept}\r\n\r\n".encode()
        body = exchange(self.stats, data, 10.0).decode().partition("\r\n\r\n")[2]
        return {
            ",".join([each.name, *sorted(each.labels.values())]): each.value
            for family in text_string_to_metric_families(body)
            for each in family.samples
        }

    def orders(self) -> float:
        return self.metrics().get("shop_orders_total,book", 0)


def test_they_are_summed_and_never_go_back(start: StartServer, tmp_path: Path) -> None:
    pytest.importorskip("flask")
    shop = Shop(start, tmp_path)
    counts: list[float] = []
    over = threading.Event()
    answered = [0]

    def watch() -> None:
        while not over.wait(0.05):
            counts.append(shop.orders())

    def load() -> None:
        while not over.is_set():
            answered[0] += shop.order()

    threads = [threading.Thread(target=each) for each in (watch, load)]
    for each in threads:
        each.start()
    try:
        wait_until(lambda: counts and counts[-1] > 20, 20, "orders are counted")
        os.kill(shop.server.pid, signal.SIGHUP)
        shop.server.wait_line(r"^generation=2 serves")
        more = answered[0] + 20
        wait_until(lambda: answered[0] > more, 20, "the new generation serves")
    finally:
        over.set()
        for each in threads:
            each.join(20)
    # Who leaves tells all, at once.
    os.kill(shop.server.pid, signal.SIGHUP)
    shop.server.wait_line(r"^generation=3 serves")
    wait_until(lambda: shop.orders() == answered[0], 20, "every order is counted")
    wait_until(lambda: shop.metrics()["shop_carts"] == 4, 20, "two workers are alive")
    counts.append(shop.orders())
    assert all(shop.order(f"/item/{number}") for number in range(3))
    count = "quaich_route_duration_seconds_count,/item/<int:number>"
    wait_until(lambda: shop.metrics().get(count) == 3, 20, "the route is counted")
    assert shop.metrics()["quaich_route_duration_seconds_count,/order"] == answered[0]
    assert not shop.order("/kill")
    shop.server.wait_line(r"worker=\d pid=\d+ died")
    counts.append(shop.orders())
    assert shop.order()
    wait_until(lambda: shop.orders() == answered[0] + 1, 20, "what follows is counted on")
    assert counts == sorted(counts)
