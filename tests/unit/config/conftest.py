"""A machine made of a dictionary, so that reading configuration touches no disk."""

from collections.abc import Callable, Mapping

import pytest

from quaich.config.sources import Host
from quaich.errors import ConfigError


class FakeHost(Host):
    """Files by their path; stdin is the file ``-``."""

    def __init__(self, files: Mapping[str, str | bytes], stdin_is_socket: bool = False) -> None:
        super().__init__()
        self.files = files
        self.socket = stdin_is_socket

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise ConfigError("No such file or directory", path)
        content = self.files[path]
        return content if isinstance(content, bytes) else content.encode()

    def stdin_is_socket(self) -> bool:
        return self.socket

    def processors(self) -> int:
        return 3

    def identity(self, path: str) -> str:
        return path

    def machine_magic(self) -> dict[str, str]:
        return {"v": "/srv", "h": "host", "k": "2", "V": "1"}


@pytest.fixture
def host() -> Callable[..., FakeHost]:
    return FakeHost
