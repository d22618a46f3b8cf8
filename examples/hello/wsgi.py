"""The smallest WSGI application.  The body is bytes: Python 3 text must be encoded first."""


def application(env, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"Hello!"]
