"""The control socket: commands come in, their outcomes go out, and nobody can hold up the master.

Only the server's own user and root are heard.  Every client is bounded: in number, in the length of
its request, in the time it may take to ask or to read; who keeps to none of this is let go.
"""

import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from quaich.errors import QuaichError
from quaich.master import rendezvous, requests
from quaich.master.fleet import Phase
from quaich.master.sending import send_some
from quaich.master.side import BaseSide, House
from quaich.master.vocabulary import Action, Answer, Asked, Leave, Meaning, Progress
from quaich.net.listen import remove_file
from quaich.values import dataclass

MOST_CLIENTS = 64
ASK_SECONDS = 5.0
READ_SECONDS = 10.0
PAUSE_SECONDS = 1.0
"""What a client has to send its request, and to take what is written to it; and how long nobody is
accepted where that has failed."""

_MOST_UNSENT = 4 * 1024 * 1024
_BATCH = 16
_BACKLOG = 128
_CREDENTIALS = struct.Struct("=3i")


@dataclass(eq=False)
class _Client:
    """A connection: ``ticket`` once it waits for an outcome, ``done`` once it has got it."""

    sock: socket.socket
    until: float | None
    ticket: int = 0
    received: bytes = b""
    unsent: bytes = b""
    watched: bool = True
    asked: bool = False
    leaves: bool = False
    done: bool = False


class Control(BaseSide):
    """Listens at ``path``; without one, where servers and their commands meet.

    ``status`` gives what the command of that name shows.
    """

    name = "control"

    def __init__(self, status: Callable[[House], dict[str, object]]) -> None:
        self._status = status
        self.path = ""
        self._listener: socket.socket | None = None
        self._inode = (0, 0)
        self._clients: dict[int, _Client] = {}
        self._tickets: dict[int, _Client] = {}
        self._last = 0
        self._again: float | None = None
        self._draining = False

    def open(self, path: str, place: str = "") -> None:
        """Listen at a path; raises QuaichError where that cannot be."""
        place = f"{place}: " if place else ""
        path = os.path.abspath(path)
        try:
            mode = os.stat(os.path.dirname(path)).st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise QuaichError(
                    f"{place}control = {path}: every user can write to {os.path.dirname(path)}; "
                    "choose a directory that is yours, such as /run/quaich"
                )
            self._bind(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise QuaichError(f"{place}control = {path}: {reason.lower()}") from None

    def open_default(self, environ: Mapping[str, str]) -> str:
        """Listen where commands look by themselves; why that cannot be, or nothing."""
        directory, reason = rendezvous.prepare(os.geteuid(), environ)
        if not directory:
            return reason
        rendezvous.sweep(directory)
        try:
            self._bind(rendezvous.name(directory, os.getpid()))
        except (OSError, ValueError) as error:
            return f"{directory}: {getattr(error, 'strerror', None) or error}".lower()
        return ""

    def leftovers(self) -> tuple[tuple[str, int, int], ...]:
        """The file to remove if the master is killed."""
        return ((self.path, *self._inode),) if self.path else ()

    def carry(self) -> tuple[Any, list[int]]:
        """The socket, and every client: one of them may wait for what becomes of this."""
        if self._listener is None:
            return None, []
        clients = [_carried(each) for each in self._clients.values()]
        state = {
            "listener": [self._listener.fileno(), self.path, *self._inode],
            "clients": clients,
            "tickets": list(self._tickets),
            "last": self._last,
        }
        return state, [self._listener.fileno(), *self._clients]

    def resume(self, state: Any) -> None:
        """Go on with them."""
        if state is None:
            return
        fd, self.path, *inode = state["listener"]
        self._listener = socket.socket(fileno=fd)
        self._inode = (inode[0], inode[1])
        self._last = state["last"]
        for fd, until, ticket, asked, leaves, done, received, unsent in state["clients"]:
            client = _Client(socket.socket(fileno=fd), until, ticket)
            client.asked, client.leaves, client.done = asked, leaves, done
            client.received, client.unsent = received.encode("latin-1"), unsent.encode("latin-1")
            client.sock.setblocking(False)
            self._clients[fd] = client
            if ticket in state["tickets"]:
                self._tickets[ticket] = client

    def attach(self, house: House) -> None:
        """Accept."""
        super().attach(house)
        if self._listener is not None:
            self._listener.setblocking(False)
            house.watch(self._listener.fileno(), self._accept)
        for client in list(self._clients.values()):
            self._flush(client)

    def due(self) -> float | None:
        """When the next client has taken too long."""
        times = [self._again, *(each.until for each in self._clients.values())]
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Let go of those who take too long; accept again."""
        if self._again is not None and now >= self._again and self._listener is not None:
            self._again = None
            self.house.watch(self._listener.fileno(), self._accept)
        for client in list(self._clients.values()):
            if client.until is not None and now >= client.until:
                self._drop(client)

    def heed(self, action: Action, now: float) -> bool:
        """Pass on what the plan has to say to somebody who asked here."""
        match action:
            case Progress(ticket, text) if ticket in self._tickets:
                self._send(self._tickets[ticket], requests.progress(text))
            case Answer(ticket, ok, text) if ticket in self._tickets:
                self._finish(self._tickets[ticket], ok, text)
            case Leave():
                for client in list(self._tickets.values()):
                    text = "the server has ended"
                    self._finish(client, client.leaves, text)
        return False

    def close(self) -> None:
        """Close every connection, and remove the socket."""
        for client in list(self._clients.values()):
            client.sock.close()
        self._clients.clear()
        self._tickets.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            remove_file(self.path, self._inode)

    def _bind(self, path: str) -> None:
        _make_room(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        # No moment in which others could connect.
        before = os.umask(0o177)
        try:
            listener.bind(path)
            info = os.lstat(path)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        finally:
            os.umask(before)
        self._listener, self.path, self._inode = listener, path, (info.st_dev, info.st_ino)

    def _accept(self) -> None:
        assert self._listener is not None
        for _ in range(_BATCH):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptor, or no memory, is left.  Who waits would wake us again and again.
                self.house.unwatch(self._listener.fileno())
                self._again = time.monotonic() + PAUSE_SECONDS
                return
            sock.setblocking(False)
            uid = _peer(sock)
            if uid not in (0, os.geteuid()):
                self.house.log.warning(f"control: user {uid} is not heard")
                sock.close()
                continue
            self._make_place()
            client = _Client(sock, time.monotonic() + ASK_SECONDS)
            self._clients[sock.fileno()] = client
            self._watch(client, self._read)

    def _make_place(self) -> None:
        """With too many clients, the one that has been there longest without asking goes."""
        if len(self._clients) < MOST_CLIENTS:
            return
        silent = (each for each in self._clients.values() if not each.asked)
        self._drop(next(silent, next(iter(self._clients.values()))))

    def _read(self, client: _Client) -> None:
        try:
            # More than a request: to close on what is unread would take the answer back.
            data = client.sock.recv(16 * requests.LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and client.ticket in self._tickets:
            # It has said all it had to say, and may still listen.
            self._unwatch(client)
            return
        if not data:
            self._drop(client)
            return
        if client.asked:
            return
        client.received += data
        line, newline, _ = client.received.partition(b"\n")
        if newline and len(line) < requests.LIMIT:
            client.asked, client.received = True, b""
            self._obey(client, line)
        elif len(client.received) >= requests.LIMIT:
            client.asked = True
            text = f"expected one line of at most {requests.LIMIT} octets"
            self._finish(client, False, text)

    def _obey(self, client: _Client, line: bytes) -> None:
        try:
            request = requests.parse(line)
        except requests.Malformed as error:
            self._finish(client, False, str(error))
            return
        client.until = None
        self._send(client, requests.accepted(os.getpid()))
        if request.meaning is None:
            self._finish(client, True, "", self._status(self.house))
            return
        meaning = request.meaning
        self._last += 1
        client.ticket = self._last
        client.leaves = meaning in (Meaning.DRAIN, Meaning.STOP)
        self._tickets[client.ticket] = client
        self.house.log.info(f"control action={meaning.value.replace(' ', '-')}")
        if meaning is Meaning.DRAIN:
            # Asked for twice, it would be a stop: each who asks waits for the same end.
            if self._draining or self.house.plan.phase is Phase.DRAINING:
                self._send(client, requests.progress("the server is leaving already"))
                return
            self._draining = True
        self.house.tell(Asked(meaning, client.ticket, request.argument))

    def _finish(
        self, client: _Client, ok: bool, text: str, status: dict[str, object] | None = None
    ) -> None:
        self._tickets.pop(client.ticket, None)
        client.done = True
        self._send(client, requests.outcome(ok, text, status))

    def _send(self, client: _Client, data: bytes) -> None:
        if client.sock.fileno() < 0:
            return
        client.unsent += data
        if len(client.unsent) > _MOST_UNSENT:
            self._drop(client)
            return
        self._flush(client)

    def _flush(self, client: _Client) -> None:
        try:
            sent = send_some(client.sock, client.unsent)
        except OSError:
            self._drop(client)
            return
        client.unsent = client.unsent[sent:]
        if client.unsent:
            if client.until is None or sent:
                client.until = time.monotonic() + READ_SECONDS
            self._watch(client, self._flush, writing=True)
        elif client.done:
            self._drop(client)
        else:
            client.until = None if client.asked else client.until
            self._watch(client, self._read)

    def _watch(
        self, client: _Client, callback: Callable[[_Client], None], writing: bool = False
    ) -> None:
        client.watched = True
        self.house.watch(client.sock.fileno(), partial(callback, client), writing)

    def _unwatch(self, client: _Client) -> None:
        if client.watched:
            client.watched = False
            self.house.unwatch(client.sock.fileno())

    def _drop(self, client: _Client) -> None:
        fd = client.sock.fileno()
        if fd < 0:
            return
        self._tickets.pop(client.ticket, None)
        del self._clients[fd]
        self._unwatch(client)
        client.sock.close()


def _carried(client: _Client) -> list[Any]:
    text = [client.received.decode("latin-1"), client.unsent.decode("latin-1")]
    state = [client.until, client.ticket, client.asked, client.leaves, client.done]
    return [client.sock.fileno(), *state, *text]


def _peer(sock: socket.socket) -> int:
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(data)
    return int(uid)


def _make_room(path: str) -> None:
    """Remove a socket that nobody listens on; raises where something else is there."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise ValueError("a file that is not a socket is there; remove it or choose another path")
    if info.st_uid != os.geteuid():
        raise ValueError(f"a socket of user {info.st_uid} is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full: somebody listens
    raise ValueError("another program listens on this socket")
