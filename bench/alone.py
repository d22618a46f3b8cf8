"""What an application costs without a server: its price in each of them.

``python bench/alone.py MODULE CALLS`` calls ``MODULE.application`` in a loop, with the environment
that a browser's request becomes, and prints the processor time of a call in microseconds: the
median of five fifths.
"""

import importlib
import statistics
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).parent / "apps")]

from bench.scenarios import HEADERS  # noqa: E402

PARTS = 5


def environ() -> dict[str, Any]:
    """As a server makes it of the benchmark's requests."""
    made: dict[str, Any] = {
        "HTTP_" + name.upper().replace("-", "_"): value for name, value in HEADERS
    }
    setup_testing_defaults(made)
    return made


def called(application: Any, calls: int) -> float:
    """Microseconds of a call."""
    like = environ()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        assert status.startswith("200 "), status

    began = time.process_time()
    for _ in range(calls):
        made = dict(like)
        made["wsgi.input"] = BytesIO()
        result = application(made, start_response)
        for _piece in result:
            pass
        if hasattr(result, "close"):
            result.close()
    return (time.process_time() - began) / calls * 1e6


def main() -> int:
    application = importlib.import_module(sys.argv[1]).application
    calls = max(1, int(sys.argv[2]) // PARTS)
    called(application, calls)
    print(f"{statistics.median(called(application, calls) for _ in range(PARTS)):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
