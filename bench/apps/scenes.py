"""The application of every plain scenario: one path for each, as little work as its reply needs.

``/post?hash`` and nothing else hashes, so that a check can see that every byte arrived and a
measurement does not pay for it.
"""

import hashlib
import json
import os
import tempfile
import time

HELLO = b"Hello world"
TEN = b"x" * 10240
MEGABYTE = bytes(range(256)) * 4096
CHUNK = b"c" * 1024
RECORD = {
    "id": 4711,
    "name": "A thing that is described in about one kilobyte of text",
    "tags": ["red", "green", "blue", "heavy", "round"],
    "price": 12.5,
    "stock": {"berlin": 12, "paris": 0, "london": 7},
    "history": [{"at": f"2026-01-{day:02}T12:00:00Z", "by": "somebody"} for day in range(1, 17)],
}
BLOCK = 65536

# Beside the process, not shared: its bytes are in the page cache all the same.
_file = tempfile.NamedTemporaryFile(prefix="bench-", suffix=".bin")
_file.write(MEGABYTE)
_file.flush()

TEXT = [("Content-Type", "text/plain")]
HELLO_FIELDS = [*TEXT, ("Content-Length", str(len(HELLO)))]
TEN_FIELDS = [*TEXT, ("Content-Length", str(len(TEN)))]
MEGABYTE_FIELDS = [("Content-Type", "application/octet-stream"), ("Content-Length", "1048576")]


def hello(environ, start_response):
    start_response("200 OK", HELLO_FIELDS)
    return [HELLO]


def record_body() -> bytes:
    return json.dumps(RECORD).encode()


def record(environ, start_response):
    body = record_body()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", fields)
    return [body]


def ten(environ, start_response):
    start_response("200 OK", TEN_FIELDS)
    return [TEN]


def megabyte(environ, start_response):
    start_response("200 OK", MEGABYTE_FIELDS)
    return [MEGABYTE]


def post(environ, start_response):
    length = int(environ["CONTENT_LENGTH"])
    digest = hashlib.sha256() if environ.get("QUERY_STRING") == "hash" else None
    read = environ["wsgi.input"].read
    left = length
    while left:
        data = read(min(left, BLOCK))
        if not data:
            break
        left -= len(data)
        if digest:
            digest.update(data)
    body = (digest.hexdigest() if digest else str(length - left)).encode()
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def file(environ, start_response):
    stream = open(_file.name, "rb", buffering=0)
    start_response("200 OK", MEGABYTE_FIELDS)
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(stream, BLOCK) if wrapper else _blocks(stream)


def _blocks(stream):
    with stream:
        while data := os.read(stream.fileno(), BLOCK):
            yield data


def chunks(environ, start_response):
    start_response("200 OK", TEXT)
    return (CHUNK for _ in range(16))


def sleep(environ, start_response):
    time.sleep(0.02)
    return hello(environ, start_response)


PATHS = {
    "/": hello,
    "/json": record,
    "/10k": ten,
    "/1m": megabyte,
    "/post": post,
    "/file": file,
    "/chunks": chunks,
    "/sleep": sleep,
}


def application(environ, start_response):
    return PATHS[environ["PATH_INFO"]](environ, start_response)
