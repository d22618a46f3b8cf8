"""Answers a body with its SHA-256, and a query ``?N`` with N bytes."""

import hashlib


def application(environ, start_response):
    wanted = environ["QUERY_STRING"]
    if wanted:
        size = int(wanted)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
        return pieces(size)
    digest = hashlib.sha256()
    while piece := environ["wsgi.input"].read(65536):
        digest.update(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [digest.hexdigest().encode()]


def pieces(size):
    while size > 0:
        piece = min(size, 65536)
        yield b"x" * piece
        size -= piece
