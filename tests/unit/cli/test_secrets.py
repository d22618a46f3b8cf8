"""What is masked, and what is not."""

import pytest

from quaich.cli.secrets import MASK, is_secret, mask, mask_pair


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "DB_PASSWORD",
        "password",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "api-key",
        "APIKEY",
        "PGPASS",
        "REDIS_PASSWD",
        "auth",
        "key",
    ],
)
def test_secrets(name: str) -> None:
    assert is_secret(name)
    assert mask(name, "hunter2") == MASK


@pytest.mark.parametrize(
    "name", ["module", "http-keepalive", "gevent-monkey-patch", "author", "keyboard", "PASSENGERS"]
)
def test_no_secrets(name: str) -> None:
    assert mask(name, "value") == "value"


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("DATABASE_URL=postgres://u:p@h/d", f"DATABASE_URL=postgres://{MASK}@h/d"),
        ("DATABASE_URL=postgres://h/d", "DATABASE_URL=postgres://h/d"),
        ("SECRET_KEY=a=b", f"SECRET_KEY={MASK}"),
        ("OPTIONS=host=h,password=p", f"OPTIONS=host=h,password={MASK}"),
        ("NAME", "NAME"),
        ("HOME=/root", "HOME=/root"),
    ],
)
def test_pairs(pair: str, shown: str) -> None:
    assert mask_pair(pair) == shown
