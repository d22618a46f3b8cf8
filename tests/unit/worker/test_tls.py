"""One connection's encryption, both ends in memory."""

import ssl
import subprocess
import types
from pathlib import Path
from typing import Any

import pytest

from quaich.config.base import Encryption
from quaich.errors import ProtocolError, QuaichError
from quaich.net.listen import BoundListener
from quaich.worker import tls
from quaich.worker.connection import Connection, Door
from quaich.worker.tls import Tls
from tests.support import certificates


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    certificates.make(made)
    certificates.make(made, "client", "/C=AT/O=Example, Inc./CN=J\u00fcrgen")
    return made


def encryption(directory: Path, **more: Any) -> Encryption:
    pair = (str(directory / "server.pem"), str(directory / "server.key"))
    return Encryption(*pair, place="site.ini:3", **more)


def connection() -> Connection:
    acceptor: Any = types.SimpleNamespace(fd=-1)
    writer: Any = None
    return Connection(-1, Door(acceptor, "test", "http", {}, "80"), "192.0.2.1", 7, writer)


class Client:
    """The other end; ``step`` is how many octets travel at a time."""

    def __init__(self, server: Tls, context: ssl.SSLContext, step: int = 100000) -> None:
        self.server = server
        self.conn = connection()
        self.step = step
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.received = b""
        self.ended = False

    def exchange(self) -> None:
        """Let what was written arrive, and its answers."""
        data = self.outgoing.read()
        for start in range(0, len(data), self.step):
            got = self.server.read(self.conn, data[start : start + self.step])
            self.ended |= got is None
            self.received += got or b""
        self.incoming.write(self.server.answer)
        self.server.answer = b""

    def shake(self) -> "Client":
        for _ in range(4):
            try:
                self.object.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.exchange()
        self.object.do_handshake()
        return self


@pytest.fixture
def context(directory: Path) -> ssl.SSLContext:
    return tls.context(encryption(directory), "127.0.0.1:443")


@pytest.mark.parametrize("step", [1, 100, 100000])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_octets_there_and_back(
    context: ssl.SSLContext, directory: Path, step: int, version: ssl.TLSVersion
) -> None:
    trusting = certificates.trusting(directory)
    trusting.maximum_version = version
    server = Tls(context)
    client = Client(server, trusting, step).shake()
    assert client.conn.variables is not None
    assert client.conn.variables["HTTPS"] == "on"
    assert client.conn.variables["SSL_PROTOCOL"] == version.name.replace("_", ".")
    assert not [name for name in client.conn.variables if name.startswith("SSL_CLIENT")]
    client.object.write(b"x" * 100000)
    client.exchange()
    assert client.received == b"x" * 100000
    client.incoming.write(server.encode(b"y" * 100000))
    found = b""
    while len(found) < 100000:
        found += client.object.read(100000)
    assert found == b"y" * 100000
    client.incoming.write(server.last(b"bye"))
    assert client.object.read(10) == b"bye"
    assert client.object.read(10) == b""
    assert server.farewell() == b""


def test_the_clients_end(context: ssl.SSLContext, directory: Path) -> None:
    client = Client(Tls(context), certificates.trusting(directory)).shake()
    client.object.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        client.object.unwrap()
    client.exchange()
    assert (client.received, client.ended) == (b"last", False)
    client.server.read(client.conn, b"")
    assert client.server.read(client.conn, b"") is None


@pytest.mark.parametrize("old", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(
    context: ssl.SSLContext, directory: Path, old: ssl.TLSVersion
) -> None:
    trusting = certificates.trusting(directory)
    trusting.minimum_version = trusting.maximum_version = old
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    server = Tls(context)
    with pytest.raises(ProtocolError, match="TLS failed"):
        Client(server, trusting).shake()
    alert = server.last(b"page")
    assert alert[:1] == b"\x15"
    assert b"page" not in alert


def test_plain_http_is_told_so(context: ssl.SSLContext) -> None:
    server = Tls(context)
    with pytest.raises(ProtocolError, match="plain HTTP"):
        server.read(connection(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert server.last(b"page") == b"page"
    assert server.farewell() == b""


def test_garbage(context: ssl.SSLContext) -> None:
    for data in (b"\0" * 100, b"\x16\3\1\0\5hello", b"\xff" * 20):
        server = Tls(context)
        with pytest.raises(ProtocolError):
            server.read(connection(), data * 20)
        assert b"page" not in server.last(b"page")


class TestClientCertificates:
    @pytest.mark.parametrize("required", [False, True])
    def test_one_of_the_authority(self, directory: Path, required: bool) -> None:
        wanted = encryption(directory, authority=str(directory / "ca.pem"), required=required)
        server = Tls(tls.context(wanted, "x"))
        client = Client(server, certificates.trusting(directory, "client")).shake()
        variables = client.conn.variables
        assert variables is not None
        assert variables["SSL_CLIENT_VERIFY"] == "SUCCESS"
        name = "J\u00fcrgen".encode().decode("latin-1")
        assert variables["HTTPS_DN"] == f"/C=AT/O=Example, Inc./CN={name}"
        assert variables["SSL_CLIENT_S_DN"] == f"CN={name},O=Example\\, Inc.,C=AT"
        assert variables["SSL_CLIENT_I_DN"] == "CN=Authority"
        assert int(variables["SSL_CLIENT_M_SERIAL"], 16)

    def test_none(self, directory: Path) -> None:
        wanted = encryption(directory, authority=str(directory / "ca.pem"))
        server = Tls(tls.context(wanted, "x"))
        client = Client(server, certificates.trusting(directory)).shake()
        assert client.conn.variables is not None
        assert client.conn.variables["SSL_CLIENT_VERIFY"] == "NONE"

    def test_none_where_one_is_required(self, directory: Path) -> None:
        wanted = encryption(directory, authority=str(directory / "ca.pem"), required=True)
        server = Tls(tls.context(wanted, "x"))
        with pytest.raises(ProtocolError, match="PEER_DID_NOT_RETURN"):
            Client(server, certificates.trusting(directory)).shake()

    def test_one_of_another_authority(self, directory: Path, tmp_path: Path) -> None:
        certificates.make(tmp_path, "stranger")
        wanted = encryption(directory, authority=str(directory / "ca.pem"))
        server = Tls(tls.context(wanted, "x"))
        trusting = certificates.trusting(directory)
        trusting.load_cert_chain(tmp_path / "stranger.pem", tmp_path / "stranger.key")
        with pytest.raises(ProtocolError, match="TLS failed"):
            Client(server, trusting).shake()


@pytest.mark.parametrize(
    ("value", "escaped"),
    [("plain", "plain"), ("a,b+c", "a\\,b\\+c"), ("#a", "\\#a"), (" a ", "\\ a\\ "), ("", "")],
)
def test_names_are_escaped(value: str, escaped: str) -> None:
    assert tls._escaped(value) == escaped


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"ciphers": "NONSENSE"}, "ciphers NONSENSE"),
        ({"authority": "/nowhere/ca.pem"}, "/nowhere/ca.pem: no such file"),
    ],
)
def test_what_cannot_be_used(directory: Path, more: dict[str, str], reason: str) -> None:
    with pytest.raises(QuaichError, match=f"site.ini:3: TLS at x: {reason}"):
        tls.context(encryption(directory, **more), "x")


def test_a_key_that_does_not_belong(directory: Path) -> None:
    pair = (str(directory / "server.pem"), str(directory / "client.key"))
    with pytest.raises(QuaichError, match="key values mismatch"):
        tls.context(Encryption(*pair), "x")


def test_a_key_with_a_password(directory: Path) -> None:
    locked = str(directory / "locked.key")
    given = ("-in", str(directory / "server.key"), "-out", locked, "-passout", "pass:secret")
    subprocess.run(["openssl", "ec", "-aes256", *given], capture_output=True, check=True)
    with pytest.raises(QuaichError, match="protected by a password"):
        tls.context(Encryption(str(directory / "server.pem"), locked), "x")


def test_only_what_encrypts_has_a_context(directory: Path) -> None:
    listeners = [
        BoundListener(5, "http", "a", 2),
        BoundListener(6, "http", "b", 2, tls=encryption(directory)),
    ]
    assert [*tls.contexts(listeners)] == [6]
