"""Every fuzzer of fuzz/ for a moment: its seeds, the same damaged, and noise."""

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"
NAMES = sorted(path.stem for path in FUZZ.glob("*.py") if path.stem not in ("common", "config"))


@pytest.fixture(scope="module", params=NAMES)
def fuzzer(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FUZZ)
        spec = importlib.util.spec_from_file_location(
            f"fuzz_{request.param}", FUZZ / f"{request.param}.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    module.inputs = module.seeds()
    return module


def test_they_are_there() -> None:
    assert {
        *("http1", "chunked", "target", "uwsgi", "gateways", "proxied"),
        *("connection", "reply", "differential"),
    } <= set(NAMES)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.binary(max_size=100), noisy=st.booleans())
def test_it_finds_nothing(fuzzer: Any, seed: int, noise: bytes, noisy: bool) -> None:
    chance = random.Random(seed)
    data = chance.choice(fuzzer.inputs)
    fuzzer.check(noise if noisy else fuzzer.damage(data + noise[:10], chance), chance)


def test_seeds(fuzzer: Any) -> None:
    for number, data in enumerate(fuzzer.inputs):
        fuzzer.check(data, random.Random(number))
