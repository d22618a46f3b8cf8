"""What a worker prints: a pipe of its own."""

import subprocess
import sys

from tests.support.server import environment

CAPTURE = """
import os, sys
from quaich.log.server import Log
from quaich.worker import output
class Lent(Log):
    def lend(self, pipe):
        lent.append(pipe)
lent = []
kept = os.dup(1)
again = output.capture(Lent())
print("printed", flush=True)
os.write(2, b"and said")
again()
assert lent[0] == lent[1] and not os.get_inheritable(lent[0])
os.write(kept, os.read(lent[0], 100))
"""


def test_what_a_worker_prints_is_a_pipe_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAPTURE],
        env=environment(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"printed\nand said"
