"""Rows: which application to load, from where, and what it finds around it."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, NO_EFFECT, OPTIONAL, Option

_FORK_HOOKS = "Python's own fork hooks always run"
_BUILT_IN = "Python and HTTP are built in; there is nothing to plug in"

OPTIONS = (
    Option(
        "module",
        kinds.STRING,
        "python",
        "load a WSGI module: package.module or package.module:callable",
        aliases=("wsgi",),
        short="w",
    ),
    Option("wsgi-file", kinds.PATH, "python", "load a WSGI file", aliases=("file",)),
    Option(
        "callable",
        kinds.STRING,
        "python",
        "name of the application in its module (default: application)",
    ),
    Option(
        "mount",
        kinds.pairs("/prefix=application"),
        "apps",
        "serve an application under a path: /prefix=module:callable or /prefix=file.py",
    ),
    Option(
        "manage-script-name",
        kinds.FLAG,
        "apps",
        "choose the mounted application by the longest matching prefix and rewrite SCRIPT_NAME",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "need-app",
        kinds.FLAG,
        "apps",
        "exit with status 22 when no application can be loaded",
        arg=OPTIONAL,
        default=False,
    ),
    Option("chdir", kinds.PATH, "process", "change to a directory before loading the application"),
    Option(
        "pythonpath",
        kinds.PATHS,
        "python",
        "add a directory to the module search path",
        aliases=("python-path", "pp"),
    ),
    Option(
        "home",
        kinds.PATH,
        "python",
        "use a virtual environment",
        aliases=("virtualenv", "venv", "pyhome"),
        short="H",
        field="virtualenv",
    ),
    Option(
        "env",
        kinds.pairs("NAME=value"),
        "process",
        "set an environment variable for the application",
        relation=DIFFERS,
        why="a name without a value is an error, where uWSGI removes the variable",
    ),
    Option(
        "single-interpreter",
        kinds.FLAG,
        "apps",
        short="i",
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why="all applications always share one interpreter",
    ),
    Option(
        "py-call-osafterfork",
        kinds.FLAG,
        "python",
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why=_FORK_HOOKS,
    ),
    Option(
        "py-call-uwsgi-fork-hooks",
        kinds.FLAG,
        "python",
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why=_FORK_HOOKS,
    ),
    Option(
        "plugins",
        kinds.ANYTHING,
        "plugins",
        aliases=("plugin", "need-plugins", "need-plugin"),
        relation=NO_EFFECT,
        why=_BUILT_IN,
    ),
    Option(
        "plugins-dir",
        kinds.ANYTHING,
        "plugins",
        aliases=("plugin-dir",),
        relation=NO_EFFECT,
        why=_BUILT_IN,
    ),
    Option(
        "autoload",
        kinds.FLAG,
        "config",
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why=_BUILT_IN,
    ),
)
