"""What the benchmark tells of its rounds."""

from bench import report
from bench.figures import Cpu, Load, Round
from bench.report import Row
from bench.scenarios import HELLO, SCENARIOS, Scenario

BY_NAME = {each.name: each for each in SCENARIOS}


def a_round(microseconds: int, *, nginx: int = 0, most: float = 0.0, broken: int = 0) -> Round:
    """A thousand requests in a second, at this price each, three quarters of it the user's."""
    front = Cpu(nginx * 1_000_000, 1, 1) if nginx else None
    load = Load(1000, 1.0, 250, 12_500, broken)
    return Round(load, Cpu(microseconds * 1_000_000, 3, 1), front, most)


def of(scenario: Scenario, *rows: Row) -> str:
    return report.table(scenario, report.summaries(rows))


def test_the_cheapest_comes_first_and_who_failed_is_named() -> None:
    text = of(
        BY_NAME["hello"],
        Row("broken", "1", problem="answers 500 b''"),
        Row("dear", "1", [a_round(40), a_round(80)], calls=4.25, pss=5 << 20),
        Row("quaich", "1", [a_round(10), a_round(40)], remark="says so"),
    )
    lines = text.splitlines()
    assert lines[0] == "### hello: hello world, keep-alive"
    mine, other = lines[4:6]
    assert mine.startswith("| quaich | 25.0 | 18.8 | 6.2 | 1.00 (1.00 to 1.00) | 1,000 |")
    assert mine.endswith("| 250 µs | 12.5 ms | - | 0.0 |")
    # 40 ÷ 10 and 80 ÷ 40, each within its round.
    assert other.startswith("| dear | 60.0 | 45.0 | 15.0 | 3.00 (2.00 to 4.00) | 1,000 |")
    assert other.endswith("| 4.2 | 5.0 |")
    assert "- quaich: says so" in lines
    assert lines[-1] == "- broken: answers 500 b''"


def test_broken_connections_are_told() -> None:
    row = Row("quaich", "1", [a_round(1, broken=2), a_round(1, broken=1)])
    assert report.summaries([row])[0]["remark"] == "3 connections broke"


def test_nginx_is_told_apart_and_in_sum() -> None:
    row = Row("quaich", "1", [a_round(10, nginx=30)])
    found = report.summaries([row])[0]
    assert found["server_us"]["median"] == 10
    assert found["nginx_us"]["median"] == 30
    assert found["total_us"]["median"] == 40
    assert "| nginx | sum |" in of(BY_NAME["nginx-http"], row)


def test_without_quaich_there_is_no_ratio() -> None:
    assert "| - |" in of(BY_NAME["hello"], Row("other", "1", [a_round(10)]))


def test_more_columns() -> None:
    assert "| 250% |" in of(BY_NAME["sleep"], Row("quaich", "1", [a_round(1)]))
    assert "| 2,000 |" in of(BY_NAME["paced"], Row("quaich", "1", [a_round(1, most=2000.0)]))


def test_a_step_is_the_price_and_the_ratio_to_the_best_other() -> None:
    rows = [
        Row("quaich", "1", [a_round(10)]),
        Row("floor", "", [a_round(2)]),
        Row("floor-gather", "", [a_round(3)]),
        Row("other", "1", [a_round(8)]),
        Row("dear", "1", [a_round(80)]),
    ]
    found = {
        "hello": report.summaries(rows),
        "json": report.summaries(rows[:3]),
        "10k": report.summaries(rows[1:]),
    }
    # Without others there is no ratio, without quaich nothing to tell.
    assert report.step(found).startswith("| 10.0 (1.25) | 10.0 | - | - |")


def test_document() -> None:
    run = {
        "machine": "a machine",
        "versions": {"quaich": "1 compiled", "floor": ""},
        "rounds": 3,
        "seconds": 1,
        "nice": 0,
        "load_average": [0.1, 1.2],
        "took_seconds": 60,
        "left_out": {"other": "cannot be installed"},
        "notes": {"floor": "the price"},
    }
    scenario = BY_NAME["hello"]
    text = report.document(
        run, [scenario], {"hello": report.summaries([Row("quaich", "1", [a_round(1)])])}
    )
    assert (
        "Median of 3 rounds of 1 s, interleaved, nice 0; load average 0.1 before and 1.2 after"
        in text
    )
    assert "quaich 1 compiled, floor." in text
    assert "- other is left out: cannot be installed" in text
    assert scenario.title in text
    assert "| 1.0 | - | - |" in text
    assert HELLO.decode() not in text
