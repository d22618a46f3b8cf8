"""What an nginx can do: its version and modules, read from what ``nginx -V`` says; pure."""

import re

from quaich.values import dataclass

_VERSION = re.compile(r"nginx version: \S+?/(\d+(?:\.\d+)*)")
_TLS = re.compile(r"(?:running with|built with) OpenSSL (\d+)\.(\d+)")
_SETTING = re.compile(r"--([a-z0-9_-]+)(?:=('[^']*'|\"[^\"]*\"|\S+))?")
# Modules of the default build that can be left out, and are said only then.
_USUAL = (
    "http_gzip",
    "http_limit_req",
    "http_proxy",
    "http_rewrite",
    "http_scgi",
    "http_fastcgi",
    "http_uwsgi",
    "http_map",
    "http_geo",
    "http_upstream_zone",
    "http-cache",
)


@dataclass(frozen=True)
class Abilities:
    """A version, its modules (``http_v2``, ``http_brotli_filter``) and the place of its spools.

    ``spool`` is the directory of its temporary files, where caches belong as well; ``has_ipv6``
    whether the machine speaks IPv6.
    """

    version: tuple[int, ...]
    modules: frozenset[str] = frozenset()
    openssl: tuple[int, int] = (0, 0)
    spool: str = "/var/lib/nginx"
    has_ipv6: bool = True

    def has(self, *modules: str) -> bool:
        """Whether all of these are there."""
        return self.modules.issuperset(modules)

    def since(self, *version: int) -> bool:
        """Whether it is at least this version."""
        return self.version >= version

    @property
    def release(self) -> str:
        """The version as it is written."""
        return ".".join(map(str, self.version))


def settings(output: str) -> dict[str, str]:
    """The arguments of ``configure`` by name, from what ``nginx -V`` says."""
    found = output.partition("configure arguments:")[2]
    return {each[1]: each[2].strip("'\"") if each[2] else "" for each in _SETTING.finditer(found)}


def version(output: str) -> tuple[int, ...]:
    """The version in what ``nginx -V`` says, or nothing."""
    found = _VERSION.search(output)
    return tuple(map(int, found[1].split("."))) if found else ()


def openssl(output: str) -> tuple[int, int]:
    """The version of OpenSSL that it runs with."""
    found = _TLS.findall(output)
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


def modules(output: str, loaded: tuple[str, ...] = ()) -> frozenset[str]:
    """The modules that are compiled in, and those of the files that it loads."""
    given = settings(output)
    found = {each for each in _USUAL if f"without-{each}_module" not in given}
    found.discard("http-cache")
    if "without-http-cache" not in given:
        found.add("http_cache")
    for name, value in given.items():
        if name.startswith("with-") and name.endswith("_module") and value != "dynamic":
            found.add(name.removeprefix("with-").removesuffix("_module"))
    for path in loaded:
        name = path.rpartition("/")[2].removesuffix(".so")
        found.add(name.removeprefix("ngx_").removesuffix("_module"))
    return frozenset(found)
