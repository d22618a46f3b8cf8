"""``quaich top``: a server as it works, on the whole terminal; or its figures, for programs.

The thin part: keys in, lines out.  What is shown is the model's (``topmodel``) and the screen's
(``topscreen``); a command that changes the server is confirmed first, and run as ``quaich`` is.
"""

import curses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from quaich.cli import topscreen, topsource
from quaich.cli.topmodel import Model
from quaich.config.suggest import hint
from quaich.errors import QuaichError, UsageError
from quaich.values import dataclass

USAGE = """\
Usage: quaich top [--once] [--json] [--interval SECONDS] [SERVER]

SERVER is a pid file, a configuration file, an address of stats (HOST:PORT, a socket), or
ssh://[USER@]HOST[:PORT][/SERVER]; it may be left out where one server of this user runs.

    --control PATH      the server's control socket
    --once              show it once, as text, and exit
    --json              a line of JSON at each look; with --once one
    --interval SECONDS  between two looks (1)

Keys: q quit, o sort, / filter, arrows and enter choose a worker, esc back,
      s (in a worker) its stacks into the server's log, r reload, + and - scale.
"""

_VALUES = ("--control", "--interval")
_FLAGS = ("--once", "--json")
_REDRAW = 12
_ESCAPE = 27
_ENTER = (10, 13, curses.KEY_ENTER)
_BACK = (8, 127, curses.KEY_BACKSPACE)


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    target: str | None = None
    control: str | None = None
    interval: float = 1.0
    once: bool = False
    json: bool = False


def read(argv: Sequence[str]) -> Wish:
    """What a command line asks for."""
    flags: set[str] = set()
    values: dict[str, str] = {}
    words: list[str] = []
    rest = iter(argv[1:])
    for argument in rest:
        name, equals, value = argument.partition("=")
        if not argument.startswith("-"):
            words.append(argument)
        elif name in _VALUES:
            values[name] = value if equals else next(rest, "")
            if not values[name]:
                raise UsageError(f"top: {name} needs a value")
        elif argument in _FLAGS:
            flags.add(argument)
        else:
            meant = hint(argument, [each[2:] for each in (*_FLAGS, *_VALUES)], "--")
            raise UsageError(f"top: unknown option {argument}{meant}")
    if len(words) > 1:
        raise UsageError(f"top: one server at a time, got {' and '.join(words)}")
    text = values.get("--interval", "1")
    try:
        interval = float(text)
    except ValueError:
        interval = 0.0
    if not 0.1 <= interval <= 3600:
        raise UsageError(f'--interval: expected seconds from 0.1 to 3600, got "{text}"')
    target = words[0] if words else None
    return Wish(target, values.get("--control"), interval, "--once" in flags, "--json" in flags)


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    if any(each in ("-h", "--help") for each in argv[1:]):
        sys.stdout.write(USAGE)
        return 0
    wish = read(argv)
    source = topsource.choose(wish.target, wish.control, wish.interval)
    try:
        if wish.once or wish.json:
            return _print(source, wish)
        if not sys.stdin.isatty() or not sys.stdout.isatty():
            raise UsageError("top: this is no terminal; use --once or --json")
        first = source.sample()
        os.environ.setdefault("ESCDELAY", "25")
        return curses.wrapper(lambda window: Top(window, source, wish).run(first))
    except KeyboardInterrupt:
        return 0
    finally:
        source.close()


def _print(source: topsource.Source, wish: Wish) -> int:
    model = Model()
    while True:
        sample = source.sample()
        model.add(sample)
        if wish.json:
            text = json.dumps(sample, separators=(",", ":")) + "\n"
        else:
            height = len(model.rows()) + 6
            lines = topscreen.screen(model, height, 200, chosen=None, inside=False, message=" ")
            text = topscreen.plain(lines).rstrip() + "\n"
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whatever is still buffered would raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if wish.once:
            return 0
        time.sleep(wish.interval)


class Top:
    """The terminal."""

    def __init__(self, window: "curses.window", source: topsource.Source, wish: Wish) -> None:
        self._window = window
        self._source = source
        self._wish = wish
        self._model = Model()
        self._chosen: int | None = None
        self._inside = False
        self._message = ""
        self._ask = ""
        self._typing = False
        self._errand: subprocess.Popen[bytes] | None = None
        self._styles = _styles()
        self._over = False

    def run(self, first: topsource.Sample) -> int:
        """Until somebody leaves."""
        self._model.add(first)
        self._window.nodelay(True)
        due = time.monotonic() + self._wish.interval
        while not self._over:
            self._draw()
            left = max(0.0, due - time.monotonic())
            try:
                select.select([sys.stdin], [], [], left)
            except InterruptedError:
                pass  # the size of the terminal changed
            while (key := self._window.getch()) != -1:
                self._key(key)
            self._look_at_errand()
            if time.monotonic() >= due:
                due = time.monotonic() + self._wish.interval
                self._sample()
        return 0

    def _sample(self) -> None:
        try:
            self._model.add(self._source.sample())
            if self._message.startswith("! "):
                self._message = ""
        except QuaichError as error:
            # A server that restarts is there again in a moment.
            self._message = f"! {error}"

    def _draw(self) -> None:
        height, width = self._window.getmaxyx()
        text = self._ask or (f"filter: {self._model.pattern}_" if self._typing else self._message)
        lines = topscreen.screen(
            *(self._model, height, width - 1),
            chosen=self._chosen,
            inside=self._inside,
            message=text,
        )
        self._window.erase()
        for place, line in enumerate(lines):
            column = 0
            for part, style in line:
                try:
                    self._window.addstr(place, column, part, self._styles[style])
                except curses.error:
                    break  # the terminal has become smaller
                column += len(part)
        self._window.refresh()

    # Keys.

    def _key(self, key: int) -> None:
        if key == _REDRAW:
            self._window.clearok(True)
        elif self._typing:
            self._type(key)
        elif self._ask:
            asked, self._ask = self._ask, ""
            if key in (ord("y"), ord("Y")):
                self._confirmed(asked)
        elif key in (ord("q"), ord("Q")):
            self._over = True
        elif key in (curses.KEY_DOWN, curses.KEY_UP, ord("j"), ord("k")):
            self._move(1 if key in (curses.KEY_DOWN, ord("j")) else -1)
        elif key in _ENTER:
            if self._chosen is None:
                self._move(1)
            self._inside = self._chosen is not None
        elif key == _ESCAPE:
            if self._inside:
                self._inside = False
            else:
                self._chosen, self._model.pattern, self._message = None, "", ""
        elif key == ord("o"):
            self._model.next_sort()
        elif key == ord("/"):
            self._typing, self._inside = True, False
        elif key == ord("s") and self._inside:
            self._stacks()
        elif key in (ord("r"), ord("+"), ord("-")):
            self._propose(chr(key))

    def _type(self, key: int) -> None:
        if key in _ENTER:
            self._typing = False
        elif key == _ESCAPE:
            self._typing, self._model.pattern = False, ""
        elif key in _BACK:
            self._model.pattern = self._model.pattern[:-1]
        elif 32 <= key < 127:
            self._model.pattern += chr(key)

    def _move(self, step: int) -> None:
        numbers = [each.number for each in self._model.rows()]
        if not numbers:
            self._chosen = None
        elif self._chosen not in numbers:
            self._chosen = numbers[0]
        else:
            place = numbers.index(self._chosen) + step
            self._chosen = numbers[max(0, min(place, len(numbers) - 1))]

    def _stacks(self) -> None:
        row = next((each for each in self._model.rows() if each.number == self._chosen), None)
        if not self._source.local or row is None or not row.pid:
            self._message = "only where the control socket is on this machine"
            return
        try:
            os.kill(row.pid, signal.SIGUSR2)
            self._message = f"worker {row.number} writes its stacks into the server's log"
        except OSError as error:
            self._message = f"pid {row.pid}: {(error.strerror or str(error)).lower()}"

    def _propose(self, key: str) -> None:
        if isinstance(self._source, topsource.Stats):
            self._message = "an address of stats takes no commands; use the control socket"
            return
        if self._errand is not None:
            self._message = "the last command is not over yet"
            return
        count = self._model.head().workers
        what = {"r": "reload", "+": f"scale {count + 1}", "-": f"scale {max(1, count - 1)}"}[key]
        self._ask = f"{what}? y or n"

    def _confirmed(self, asked: str) -> None:
        words = asked.partition("?")[0].split()
        if isinstance(self._source, topsource.Ssh):
            argv = self._source.remote(*words, *self._source.command)
        else:
            argv = [sys.executable, "-m", "quaich", *words, *self._source.command]
        self._message = f"{' '.join(words)} ..."
        try:
            self._errand = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:
            self._message = f"{argv[0]}: {(error.strerror or str(error)).lower()}"

    def _look_at_errand(self) -> None:
        if self._errand is None or self._errand.poll() is None:
            return
        assert self._errand.stderr is not None
        with self._errand.stderr as stream:
            lines = stream.read(65536).decode(errors="replace").splitlines()
        self._message = lines[-1] if lines else f"status {self._errand.returncode}"
        self._errand = None


def _styles() -> dict[int, int]:
    styles = {
        topscreen.PLAIN: curses.A_NORMAL,
        topscreen.BOLD: curses.A_BOLD,
        topscreen.DIM: curses.A_DIM,
        topscreen.TITLE: curses.A_REVERSE,
        topscreen.GOOD: curses.A_NORMAL,
        topscreen.WARN: curses.A_BOLD,
        topscreen.BAD: curses.A_BOLD,
    }
    try:
        curses.curs_set(0)
        curses.use_default_colors()
        for number, (style, colour) in enumerate(
            (
                (topscreen.GOOD, curses.COLOR_GREEN),
                (topscreen.WARN, curses.COLOR_YELLOW),
                (topscreen.BAD, curses.COLOR_RED),
            ),
            1,
        ):
            curses.init_pair(number, colour, -1)
            styles[style] |= curses.color_pair(number)
    except curses.error:
        pass  # a terminal without colours
    return styles
