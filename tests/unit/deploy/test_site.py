"""site.toml and flags become one Site, or a line that says where the mistake is."""

import sys

import pytest

from quaich.deploy import site
from quaich.errors import ConfigError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs Python 3.11")

TEXT = """\
[site]
app = "shop.wsgi:application"
processes = 4
pre_deploy = ["make assets", "make docs"]
migrate = "./migrate"

[site.health]
path = "/healthz"
status = [200, 204]
timeout = 3

[server]
buffer-size = 65535
attach-daemon = ["one", "two"]
lazy-apps = true

[nginx]
hosts = ["shop.example"]
"""


def merged(*texts: str, **flags: object) -> site.Site:
    said = [site.read(text, f"{number}.toml") for number, text in enumerate(texts)]
    return site.merge("shop", [*said, site.flags(flags)])


def test_a_file_is_read_whole() -> None:
    found = merged(TEXT)
    assert found.app == "shop.wsgi:application"
    assert found.processes == 4
    assert found.pre_deploy == ("make assets", "make docs")
    assert found.migrate == ("./migrate",)
    assert found.health == site.Health("/healthz", (200, 204), 3.0)
    assert found.server == (
        ("buffer-size", "65535"),
        ("attach-daemon", "one"),
        ("attach-daemon", "two"),
        ("lazy-apps", "true"),
    )
    assert found.nginx == {"hosts": ["shop.example"]}


def test_what_is_said_later_outranks() -> None:
    found = merged(TEXT, '[site]\nprocesses = 8\nhealth = "/up"\n', nginx={"hosts": ["b.example"]})
    assert (found.processes, found.health.path) == (8, "/up")
    assert found.app == "shop.wsgi:application"
    assert found.nginx == {"hosts": ["b.example"]}


def test_a_site_survives_its_record() -> None:
    found = merged(TEXT)
    assert site.from_data(site.to_data(found)) == found
    plain = site.Site("shop")
    assert site.from_data(site.to_data(plain)) == plain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[site]\nproceses = 4\n",
            "0.toml:2: [site] proceses: unknown key; did you mean processes?",
        ),
        (
            "\n[site]\nbuffer-size = 4\n",
            (
                "0.toml:3: [site] buffer-size: unknown key; as an option of the server it belongs "
                "in [server]"
            ),
        ),
        (
            '[site]\nprocesses = "4"\n',
            "0.toml:2: [site] processes: expected a number, 1 or more, got '4'",
        ),
        (
            "[site]\nprocesses = 0\n",
            "0.toml:2: [site] processes: expected a number, 1 or more, got 0",
        ),
        (
            '[site]\napp = "shop; rm"\n',
            (
                '0.toml:2: [site] app: expected an application like "shop.wsgi:application", got '
                "'shop; rm'"
            ),
        ),
        (
            '[site]\nchdir = "a/../../b"\n',
            (
                "0.toml:2: [site] chdir: expected a directory inside the application's, as a "
                "relative path, got 'a/../../b'"
            ),
        ),
        (
            "[server]\nsocket = 1\n",
            "0.toml:2: [server] socket: deploy writes it; say it by [nginx]",
        ),
        ("[server]\nmaster = true\n", "0.toml:2: [server] master: deploy writes it"),
        (
            "[server]\nbufer-size = 1\n",
            "0.toml:2: [server] bufer-size: unknown option; did you mean buffer-size?",
        ),
        ("[sever]\nx = 1\n", "0.toml:1: unknown table [sever]; did you mean server?"),
        ("[site]\nx = \n", "0.toml:2: malformed TOML: Invalid value"),
        (
            "[site]\nhealth = 4\n",
            (
                '0.toml:2: [site] health: expected a path like "/healthz", or a table with path, '
                "status and timeout, got 4"
            ),
        ),
        (
            '[site]\n[site.health]\npth = "/x"\n',
            "0.toml:3: [site.health] pth: unknown key; did you mean path?",
        ),
        (
            "[site]\n[site.health]\nstatus = 20\n",
            "0.toml:3: [site.health] status: expected 200, got 20",
        ),
        (
            '[site]\npre_deploy = "a\\nb"\n',
            "0.toml:2: [site] pre_deploy: expected a text on one line, got 'a\\nb'",
        ),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        merged(text)
    assert str(caught.value) == message


def test_a_flag_has_no_place() -> None:
    with pytest.raises(ConfigError, match=r"^\[site\] processes: expected a number, 1 or more"):
        merged(site={"processes": -1})


@pytest.mark.parametrize(
    ("health", "good", "bad"),
    [
        (site.Health(), (200, 302, 404), (500, 502, 100)),
        (site.Health("/up"), (200, 302), (404, 500)),
        (site.Health("/up", (401,)), (401,), (200, 500)),
    ],
)
def test_what_is_healthy(health: site.Health, good: list[int], bad: list[int]) -> None:
    assert all(map(health.accepts, good))
    assert not any(map(health.accepts, bad))
