"""The arithmetic of the benchmark: what programs print, and what is made of it."""

import pytest
from bench import figures
from bench.figures import Cpu, Load, LoadError, Middle, Round

WRK = """\
Running 1s test @ http://127.0.0.1:8000/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   399.50us   80.10us   2.13ms   90.11%
    Req/Sec    39.71k     1.10k   41.00k    70.00%
  Latency Distribution
     50%  387.00us
     75%  420.00us
     90%    1.10ms
     99%    2.01s
  43455 requests in 1.10s, 5.35MB read
Requests/sec:  39504.55
Transfer/sec:      4.86MB
"""


def test_wrk() -> None:
    assert figures.wrk(WRK) == Load(43455, pytest.approx(1.1), 387.0, pytest.approx(2.01e6))


def test_wrk_bears_a_broken_connection_in_a_hundred_answers() -> None:
    errors = "  Socket errors: connect 0, read 400, write 4, timeout 0\n"
    assert figures.wrk(WRK + errors).broken == 404
    with pytest.raises(LoadError, match="read 4000, write 0, timeout 0, beside 43455 answers"):
        figures.wrk(WRK + errors.replace("400,", "4000,").replace("write 4", "write 0"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WRK + "  Non-2xx or 3xx responses: 1\n", "Non-2xx or 3xx responses: 1"),
        (WRK.replace("43455 requests", "0 requests"), "no request was answered"),
        (WRK.replace("99%", "98%"), "no result"),
        ("", "no result"),
        (WRK.replace("2.01s", "soon"), "not a duration: 'soon'"),
    ],
)
def test_wrk_refuses(text: str, expected: str) -> None:
    with pytest.raises(LoadError, match=expected):
        figures.wrk(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("812.00us", 812), ("1.24ms", 1240), ("2.01s", 2.01e6), ("1.50m", 9e7)]
)
def test_microseconds(text: str, expected: float) -> None:
    assert figures.microseconds(text) == pytest.approx(expected)


def test_paced() -> None:
    found = figures.paced("1000 0 40.5 60.0 90.1 120.0 300.0 0.2\n", 2.0)
    assert found == Load(1000, 2.0, 40.5, 90.1, late_us=0.2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("990 10 1 1 1 1 1 1\n", "10 of 1000 requests failed"),
        ("0 0 0 0 0 0 0 0\n", "0 of 0 requests failed"),
        ("", "no result"),
    ],
)
def test_paced_refuses(text: str, expected: str) -> None:
    with pytest.raises(LoadError, match=expected):
        figures.paced(text, 2.0)


def test_processor_time_is_exact_in_sum_and_divided_as_the_ticks_are() -> None:
    used = Cpu(5_000_000_000, 400, 200) - Cpu(4_000_000_000, 325, 175)
    assert used == Cpu(1_000_000_000, 75, 25)
    assert used.parts(100_000) == (pytest.approx(7.5), pytest.approx(2.5))


def test_processor_time_without_a_tick() -> None:
    assert Cpu(1000, 0, 0).parts(1) == (0.0, 0.0)


def test_round() -> None:
    alone = Round(Load(1000, 2.0, 1, 2), Cpu(10_000_000, 3, 1))
    assert (alone.server_us, alone.front_us, alone.total_us) == (10.0, 0.0, 10.0)
    assert (alone.user_us, alone.system_us, alone.rate) == (7.5, 2.5, 500.0)
    behind = Round(alone.load, alone.server, Cpu(20_000_000, 1, 1))
    assert (behind.server_us, behind.front_us, behind.total_us) == (10.0, 20.0, 30.0)


def test_middle() -> None:
    assert figures.middle([3.0, 1.0, 2.0]) == Middle(2.0, 1.0, 3.0)
    assert figures.middle([1.0, 2.0]) == Middle(1.5, 1.0, 2.0)


def test_ratios_are_taken_within_a_round() -> None:
    # Every round is twice as slow as the one before, for both: the ratio does not move.
    assert figures.ratios([2.0, 4.0, 8.0], [1.0, 2.0, 4.0]) == Middle(2.0, 2.0, 2.0)
    # A round that one of them does not have is nobody's.
    assert figures.ratios([2.0, 4.0], [1.0]) == Middle(2.0, 2.0, 2.0)
    assert figures.ratios([], [1.0]) is None
    assert figures.ratios([1.0], [0.0]) is None


PERF = "# started on Fri\n\n29,,raw_syscalls:sys_enter,719049,100.00,,\n"
STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           6       100        12 read
 40.00    0.000400           4       100           write
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           5       200        12 total
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PERF, 29),
        (STRACE, 200),
        (STRACE.replace("        12 total", "           total"), 200),
        ("<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n", -1),
        ("", -1),
    ],
)
def test_counted(text: str, expected: int) -> None:
    assert figures.counted(text) == expected


def test_shared() -> None:
    assert figures.shared("Rss:  9000 kB\nPss:   1234 kB\nPss_Dirty: 10 kB\n") == 1234 * 1024
    assert figures.shared("") == 0
