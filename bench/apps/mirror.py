"""Answers with what it was told: method, path, host and the body, as JSON.

Where a server hands a chunked body over in its own way, it is read in that way.
"""

import hashlib
import json

try:
    import uwsgi
except ImportError:
    uwsgi = None


def _chunks():
    while piece := uwsgi.chunked_read():
        yield piece


def body(environ):
    stream = environ["wsgi.input"]
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if chunked and hasattr(uwsgi, "chunked_read"):
        return b"".join(_chunks())
    if chunked or environ.get("wsgi.input_terminated"):
        return stream.read()
    return stream.read(int(environ.get("CONTENT_LENGTH") or 0))


def application(environ, start_response):
    content = body(environ)
    seen = {
        "mirror": 1,
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "host": environ.get("HTTP_HOST"),
        "length": len(content),
        "body": hashlib.sha256(content).hexdigest(),
    }
    told = json.dumps(seen).encode()
    # In a field as well: HEAD is answered without a body.
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(told))),
        ("X-Mirror", told.decode()),
    ]
    start_response("200 OK", fields)
    return [told]
