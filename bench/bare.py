"""The least that a master, a zygote and its workers can be, in Python: none does anything.

``bare.py SITE WORKERS``: an interpreter that has imported nothing forks one that loads the Django
site in the directory SITE and answers one request, and that forks the workers.
"""

import os
import signal
import sys

if os.fork() == 0:
    import gc
    from io import BytesIO

    sys.path.insert(0, sys.argv[1])
    from mysite.wsgi import application

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    reply = application(environ, lambda status, headers: None)
    assert b"".join(reply)
    reply.close()
    gc.collect()
    gc.freeze()
    for _ in range(int(sys.argv[2])):
        if os.fork() == 0:
            break
    else:
        print("ready", flush=True)
signal.pause()
