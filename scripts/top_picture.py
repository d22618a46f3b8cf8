"""Draw docs/top.svg: the screen of ``quaich top`` while a server works.  Run it from the top of the
source tree, with a Python in which quaich is installed.

The server, its load and the samples are real; the screen is the one that a terminal shows.
"""

import contextlib
import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from html import escape
from pathlib import Path

from quaich.cli import topscreen, topsource
from quaich.cli.topmodel import Model

COLUMNS, ROWS = 80, 16
WIDTH, HEIGHT = 8.43, 18
SECONDS = 25
APPLICATION = """
import time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    time.sleep({"/": 0.002, "/search": 0.03, "/report": 4.0}.get(path, 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
COLOURS = {
    topscreen.PLAIN: "#d0d0d0",
    topscreen.BOLD: "#ffffff",
    topscreen.DIM: "#808080",
    topscreen.TITLE: "#101418",
    topscreen.GOOD: "#7fc97f",
    topscreen.WARN: "#e6c229",
    topscreen.BAD: "#f0655a",
}


def load(port: int, over: threading.Event, path: str, pause: float) -> None:
    while not over.is_set():
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
        over.wait(pause * random.random() * 2)


def svg(lines: list[topscreen.Line]) -> str:
    width, height = COLUMNS * WIDTH + 24, ROWS * HEIGHT + 24
    found = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        '<rect width="100%" height="100%" rx="8" fill="#101418"/>',
    ]
    for number, line in enumerate(lines):
        column = 0
        for text, style in line:
            x, y = 12 + column * WIDTH, 12 + number * HEIGHT
            size = len(text) * WIDTH
            if style == topscreen.TITLE:
                found.append(
                    f'<rect x="{x:.1f}" y="{y}" width="{size:.1f}" height="{HEIGHT}" '
                    f'fill="{COLOURS[topscreen.PLAIN]}"/>'
                )
            if text.strip():
                # A place for each character: not every viewer stretches a text to its length.
                places = " ".join(f"{x + place * WIDTH:.1f}" for place in range(len(text)))
                found.append(
                    f'<text x="{places}" y="{y + 14}" xml:space="preserve" '
                    f'fill="{COLOURS[style]}">{escape(text)}</text>'
                )
            column += len(text)
    return "\n".join([*found, "</g></svg>"]) + "\n"


def main() -> int:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/top.svg").resolve()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        Path("site_app.py").write_text(APPLICATION)
        argv = [sys.executable, "-m", "quaich", "--http-socket", "127.0.0.1:0", "--master"]
        argv += ["-w", "site_app", "-p", "4", "--threads", "2", "--control", "c.sock"]
        argv += ["--stats", "s.sock", "--disable-logging"]
        with Path("log").open("w") as log:
            server = subprocess.Popen(argv, stderr=log)
        over = threading.Event()
        try:
            deadline = time.monotonic() + 30
            while "generation=1 serves" not in Path("log").read_text():
                if time.monotonic() > deadline:
                    raise SystemExit(Path("log").read_text())
                time.sleep(0.1)
            line = next(
                x for x in Path("log").read_text().splitlines() if x.startswith("listening")
            )
            port = int(line.split()[1].rpartition(":")[2])
            for path, pause in (*[("/", 0.02)] * 3, *[("/search?q=x", 0.1)] * 3, ("/report", 3.0)):
                threading.Thread(target=load, args=(port, over, path, pause), daemon=True).start()
            model = Model()
            source = topsource.Control(None, "c.sock")
            for _ in range(SECONDS * 2):
                model.add(source.sample())
                time.sleep(0.5)
            while not any(row.longest and row.longest.age > 1 for row in model.rows()):
                model.add(source.sample())
                time.sleep(0.1)
            lines = topscreen.screen(model, ROWS, COLUMNS, chosen=None, inside=False)
            target.write_text(svg(lines))
        finally:
            over.set()
            server.send_signal(signal.SIGINT)
            server.wait(30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
