"""What an application's own file may not say where root deploys it."""

import sys

import pytest

from quaich.deploy import site, trust
from quaich.errors import ConfigError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs Python 3.11")


def check(text: str) -> None:
    trust.check(site.read(text, "site.toml"), "/etc/quaich/shop.toml")


def test_how_the_application_is_run_it_may_say() -> None:
    check(
        """
[site]
app = "a:b"
processes = 4
health = "/up"
pre_deploy = "make"
wheelhouse = "wheels"
[server]
buffer-size = 65535
lazy-apps = 1
cheaper = 2
unknown = 1
[nginx]
hosts = ["h"]
body-size = "8m"
static = [{ url = "/s/", path = "static" }, 4]
""".replace("lazy-apps = 1\n", "")
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[site]\nuser = "root"\n', "site.toml:2: [site] user"),
        ('[site]\npython = "/tmp/x"\n', "site.toml:2: [site] python"),
        ('[site]\nwheelhouse = "../x"\n', "site.toml:2: [site] wheelhouse"),
        ('[server]\nexec-asap = "x"\n', "site.toml:2: [server] exec-asap"),
        ('[server]\nhook_as_root = "x"\n', "site.toml:2: [server] hook_as_root"),
        ('[server]\nattach-daemon = "x"\n', "site.toml:2: [server] attach-daemon"),
        ('[server]\nlogto2 = "/etc/passwd"\n', "site.toml:2: [server] logto2"),
        ('[server]\nini = "/x"\n', "site.toml:2: [server] ini"),
        ('[nginx]\ninclude = "/x"\n', "site.toml:2: [nginx] include"),
        ('[nginx]\nservers = "10.0.0.1:1"\n', "site.toml:2: [nginx] servers"),
        ('[nginx]\nstatic = [{ url = "/s/", path = "/etc" }]\n', "site.toml:2: [nginx] static"),
        ('[nginx]\nstatic = [{ url = "/s/", path = "a/../.." }]\n', "site.toml:2: [nginx] static"),
    ],
)
def test_what_would_be_done_with_roots_rights_it_may_not(text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(text)
    said = ": where root deploys, only /etc/quaich/shop.toml may say that"
    assert str(caught.value) == f"{named}{said}"
