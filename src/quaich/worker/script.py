"""What runs in place of the server: a script (pyrun), a shell (pyshell), an import (test).

Each finds the directory, environment and module path that the application would; each ends the
process, and opens no socket.
"""

import os
import sys
import traceback
from typing import Any

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.log.server import Log
from quaich.worker import startup
from quaich.wsgi import blame, loader
from quaich.wsgi.target import Target


def main() -> int:
    """In a freshly executed interpreter: ``sys.argv[1]`` is the descriptor of a configuration."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        file.seek(0)
        config = Config.from_json(file.read().decode())
    return execute(config, Log())


def execute(config: Config, log: Log) -> int:
    """Do it; the exit status."""
    try:
        config = loader.prepare(config, to_log=False)
        if config.test_import is not None:
            return _test(config, config.test_import, log)
        if config.pyrun is not None:
            return _run(config, config.pyrun)
        return _shell(config, log)
    except LoadError as error:
        startup.report(error, log)
        return 1


def _test(config: Config, value: str, log: Log) -> int:
    module = Target("test", value, config.place_of("test")).import_any()
    log.info(f"test = {value}: imported from {blame.describe(module)}")
    return 0


def _run(config: Config, path: str) -> int:
    if not os.path.isfile(path):
        raise blame.no_file(Target("pyrun", path, config.place_of("pyrun")).where, path)
    # Rarely needed, and every master reads this module.
    import runpy

    sys.argv[0] = path
    return _status_of(lambda: runpy.run_path(path, run_name="__main__"))


def _shell(config: Config, log: Log) -> int:
    apps = startup.load_prepared(config, False, log)
    names: dict[str, Any] = {"__name__": "__main__", "application": apps.root or apps.default}
    source = config.pyshell
    if source and source != "true":
        return _status_of(lambda: exec(compile(source, "<pyshell>", "exec"), names))
    import code

    banner = f"Python {sys.version.split()[0]}; the application is named application"
    return _status_of(lambda: code.interact(banner, local=names, exitmsg=""))


def _status_of(run: Any) -> int:
    """As Python itself ends: 0, the status of ``sys.exit``, or 1 with a traceback."""
    try:
        run()
    except SystemExit as leave:
        if leave.code is None or isinstance(leave.code, int):
            return (leave.code or 0) & 0xFF
        sys.stderr.write(f"{leave.code}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        trace = blame.trim(error.__traceback__)
        sys.stderr.write("".join(traceback.format_exception(type(error), error, trace)))
        return 1
    return 0
