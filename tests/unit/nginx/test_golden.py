"""A site's files in full, for an old nginx and a new one: a change to them is seen in review.

``python -m tests.unit.nginx.test_golden`` writes them anew.
"""

from pathlib import Path

import pytest

from quaich.nginx.abilities import Abilities
from quaich.nginx.facts import front
from quaich.nginx.render import render
from tests.unit.nginx.test_render import DEBIAN, NEWEST

GOLDEN = Path(__file__).parent / "golden"
CASES = {"debian-12": DEBIAN, "newest": NEWEST}
FACTS: dict[str, object] = {
    "hosts": ["shop.example.com", "www.shop.example.com"],
    "servers": [
        "unix:/run/quaich/shop/app.sock",
        {"address": "10.0.0.2:3031", "weight": 2, "backup": True},
    ],
    "harakiri": 30,
    "body-size": "20m",
    "real-ip": ["10.0.0.0/8"],
    "hsts": "180d",
    "static": [
        {"url": "/static/", "path": "/srv/my shop/static", "hashed": True, "precompressed": True},
        {"url": "/favicon.ico", "path": "/srv/my shop/static/favicon.ico"},
    ],
    "internal": [{"url": "/protected/", "path": "/srv/my shop/private"}],
    "cache": [{"path": "/news/", "time": "10s"}],
    "limit": [{"path": "/login/", "rate": "5/m"}],
    "tls": {"certificate": "/etc/ssl/shop.pem", "key": "/etc/ssl/shop.key"},
    "maintenance": {"allow": ["203.0.113.7"]},
}


def text(nginx: Abilities) -> str:
    files = render(front(FACTS, site="shop", place="golden"), nginx)
    return "\n".join(f"#### {name}\n{body}" for name, body in files.items())


@pytest.mark.parametrize("name", CASES)
def test_the_files_in_full(name: str) -> None:
    assert text(CASES[name]) == (GOLDEN / f"{name}.conf").read_text()


if __name__ == "__main__":
    for name, nginx in CASES.items():
        (GOLDEN / f"{name}.conf").write_text(text(nginx))
