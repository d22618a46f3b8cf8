"""Which application a directory holds, by its files, without importing them; pure.

In this order: ``wsgi.py``, Django's project by ``manage.py``, the usual names, one package with a
``wsgi.py``.  In a file: ``application``, ``app``, ``create_app()``, ``make_app()``.  A file that
does not parse is still found, for it is about to be mended.
"""

import ast
import re
from collections.abc import Callable, Collection

_FILES = ("app.py", "application.py", "main.py", "server.py", "app/__init__.py")
_NAMES = ("application", "app")
_FACTORIES = ("create_app", "make_app")
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([A-Za-z_][\w.]*)["']""")

LOOKED_FOR = (
    "wsgi.py, Django's manage.py, app.py, application.py, main.py, server.py or a package, with "
    "application, app or create_app()"
)


def find(names: Collection[str], read: Callable[[str], str]) -> str:
    """The application as ``module:callable``, empty where there is none; ``names`` are paths."""
    if "wsgi.py" in names and (found := callable_in(read("wsgi.py"))):
        return f"wsgi:{found}"
    if "manage.py" in names:
        match = _SETTINGS.search(read("manage.py"))
        package = match[1].rpartition(".")[0] if match else ""
        if package and f"{package.replace('.', '/')}/wsgi.py" in names:
            return f"{package}.wsgi:application"
    packages = sorted(
        name for name in names if name.endswith("/__init__.py") and name.count("/") == 1
    )
    for name in dict.fromkeys((*_FILES, *packages)):
        if name in names and (found := callable_in(read(name))):
            return f"{_module(name)}:{found}"
    inner = sorted(name for name in names if name.endswith("/wsgi.py") and name.count("/") == 1)
    if len(inner) == 1 and (found := callable_in(read(inner[0]))):
        return f"{_module(inner[0])}:{found}"
    return ""


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def callable_in(source: str) -> str:
    """The callable that a file defines, as it is written after the colon; empty for none."""
    try:
        names = _bound(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pattern = rf"^(?:def +|class +)?({'|'.join((*_NAMES, *_FACTORIES))})\b *[=(:]"
        names = {match[1] for match in re.finditer(pattern, source, re.MULTILINE)}
    for name in _NAMES:
        if name in names:
            return name
    return next((f"{name}()" for name in _FACTORIES if name in names), "")


def _bound(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top, also below if and try."""
    found: set[str] = set()
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        elif isinstance(node, ast.Assign):
            found |= {each.id for each in node.targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        for part in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                for each in getattr(node, part, ()):
                    waiting += each.body if isinstance(each, ast.ExceptHandler) else [each]
    return found
