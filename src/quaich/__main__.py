"""``python -m quaich``: the same as the ``quaich`` command."""

import sys

from quaich.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
