"""Answers with its environ as JSON: text values as they are, the rest by their repr."""

import json


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    seen = {k: v if isinstance(v, str) else f"<{type(v).__name__}>" for k, v in environ.items()}
    for key in ("wsgi.version", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"):
        seen[key] = repr(environ[key])
    seen["(body)"] = body.decode("latin-1")
    data = json.dumps(seen, sort_keys=True).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    )
    return [data]


# For multi-application mounts: the same application under a second name, told apart by a key.
def second(environ, start_response):
    environ["tests.application"] = "second"
    return application(environ, start_response)
