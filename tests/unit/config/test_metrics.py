"""A metric of the operator's: what is understood, and what is said of the rest."""

import pytest

from quaich.config.metrics import ALIAS, GAUGE, Metric, metric


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("foo", Metric("foo")),
        ("name=a.b-c_1", Metric("a.b-c_1")),
        (
            "name=x,type=gauge,initial_value=-17,oid=100.1,freq=5,reset_after_push=1",
            Metric("x", GAUGE, freq=5, oid="100.1", initial=-17, reset=True),
        ),
        (
            "name=x,collector=file,arg1=/proc/loadavg,arg1n=2,freq=0",
            Metric("x", collector="file", file="/proc/loadavg", number=2),
        ),
        ("name=x,collector=avg,children=a;b", Metric("x", collector="avg", children=("a", "b"))),
        ("name=x,type=alias,alias=a", Metric("x", ALIAS, alias="a")),
    ],
)
def test_what_is_meant(text: str, meant: Metric) -> None:
    assert metric(text) == meant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a name"),
        ("type=gauge", "a name"),
        ("name=../x", "a name"),
        ("name=a..b", "a name"),
        ("name=x,type=bogus", "type= one of counter"),
        ("name=x,collector=ptr", "collector= one of file"),
        ("name=x,collector=func,arg1=f", "collector= one of file"),
        ("name=x,freq=often", "a number for freq="),
        ("name=x,initial_value=1e3", "a number for initial_value="),
        ("name=x,oid=abc", "for oid="),
        ("name=x,collector=sum", "children=METRIC;METRIC"),
        ("name=x,collector=file", "arg1=FILE"),
        ("name=x,type=alias", "alias=METRIC"),
        ("name=x,alias=y", "alias=METRIC"),
        ("name=x,colour=red", "not 'colour'"),
        ("name=x,gauge", "not 'gauge'"),
    ],
)
def test_what_cannot_be(text: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        metric(text)
    assert expected in str(caught.value)
