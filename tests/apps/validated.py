"""An application that reads and answers, checked on both sides by the standard validator."""

from wsgiref.validate import validator


def plain(environ, start_response):
    size = int(environ["CONTENT_LENGTH"] or 0) if environ["REQUEST_METHOD"] == "POST" else 0
    body = environ["wsgi.input"].read(size)
    lines = [environ["wsgi.input"].readline(100) for _ in range(2)]
    assert lines == [b"", b""], "past the body there is nothing"
    environ["wsgi.errors"].write("validated\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"valid ", body]


application = validator(plain)
