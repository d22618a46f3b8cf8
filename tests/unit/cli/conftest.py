"""The commands read the environment; here it holds nothing that would configure them."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_options_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("UWSGI_", "QUAICH_")):
            monkeypatch.delenv(name)
