"""The values of the operator's metrics: those that uWSGI 2.0.31 made of the same rows."""

from quaich.config.metrics import metric
from quaich.stats.metering import Meter

FILES = {"/val": ["1", "22", "333", "x"]}
ROWS = {
    "name=mine,type=gauge,initial_value=17": 17,
    "foo": 0,
    "name=afile,collector=file,arg1=/val": 1,
    "name=bfile,collector=file,arg1=/val,arg1n=1": 22,
    "name=cfile,collector=file,arg1=/val,arg1n=2": 333,
    "name=nofile,collector=file,arg1=/none": 0,
    "name=word,collector=file,arg1=/val,arg1n=3": 0,
    "name=short,collector=file,arg1=/val,arg1n=9": 0,
    "name=product,collector=multiplier,children=cfile;mine,arg1n=2": 700,
    "name=nothing,collector=multiplier,children=mine;mine": 0,
    "name=more,collector=adder,children=mine,arg1n=5": 22,
    "name=mean,collector=avg,children=mine;more": 19,
    "name=both,collector=sum,children=worker.1.requests;worker.2.requests": 7,
    "name=started,collector=sum,children=worker.1.requests,initial_value=100": 103,
    "name=other,type=alias,alias=mine": 17,
    "name=abs,type=absolute,initial_value=4,oid=100.1": 4,
}
OWN = {"worker.1.requests": 3, "worker.2.requests": 4}


def meter(*rows: str) -> Meter:
    return Meter([metric(row) for row in rows], lambda path: FILES.get(path, []))


def test_the_values_are_those_of_uwsgi() -> None:
    found = meter(*ROWS)
    found.collect(OWN, 5.0)
    assert list(found.values.values()) == list(ROWS.values())
    assert found.rows()[-1] == ("abs", 2, "100.1", 4)


def test_each_has_its_own_time() -> None:
    found = meter(
        "name=often,collector=sum,children=a", "name=rarely,collector=sum,children=a,freq=10"
    )
    for now in range(12):
        found.collect({"a": now}, float(now))
    assert found.values == {"often": 11, "rarely": 10}


def test_an_accumulator_adds_up_and_can_begin_again() -> None:
    found = meter("name=a,collector=accumulator,children=x,initial_value=5,reset_after_push=1", "b")
    found.collect({"x": 2}, 0.0)
    found.collect({"x": 3}, 1.0)
    assert found.values["a"] == 10
    found.pushed()
    assert found.values["a"] == 5


def test_one_that_is_restored_goes_on() -> None:
    found = meter("name=a,collector=sum,children=x", "b")
    found.begin("a", 12)
    found.begin("b", 33)
    found.begin("nobody", 1)
    found.collect({"x": 2}, 0.0)
    assert found.values == {"a": 14, "b": 33}


def test_values_have_sixty_four_bits() -> None:
    found = meter("name=a,collector=multiplier,children=x,arg1n=999999999999999999")
    found.collect({"x": 10**18}, 0.0)
    assert found.values == {"a": 2**63 - 1}
