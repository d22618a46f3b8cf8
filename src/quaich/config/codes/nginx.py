"""QN0xx: sites of nginx that point at this server."""

from quaich.config.codes.row import ERROR, WARNING, Code

CODES = (
    Code(
        "QN001",
        ERROR,
        "a gateway's pass to a socket of another protocol",
        "The site speaks uwsgi, SCGI or FastCGI to an address where something else is served.",
        "uWSGI logs an invalid request block (size 21573 the other way round); nginx answers 502.",
        "Use the directive of that protocol (proxy_pass for HTTP), or the socket option of this "
        "one.",
    ),
    Code(
        "QN002",
        ERROR,
        "proxy_pass to a socket that does not speak HTTP",
        "The site speaks HTTP to an address where a gateway protocol is served.",
        "uWSGI logs: invalid request block size: 21573; nginx answers 502.",
        "Use uwsgi_pass and include uwsgi_params (or fastcgi_pass, scgi_pass), or make it "
        "http-socket = ADDRESS.",
    ),
    Code(
        "QN003",
        ERROR,
        "uwsgi_pass without parameters",
        "Neither the location nor a level around it includes uwsgi_params or sets uwsgi_param.",
        "The application gets no REQUEST_METHOD, no PATH_INFO and no headers' context.",
        "Add include uwsgi_params; beside uwsgi_pass.",
    ),
    Code(
        "QN004",
        ERROR,
        "proxy directives with uwsgi_pass",
        "proxy_set_header, proxy_redirect or another proxy_ directive stands beside uwsgi_pass.",
        "nginx accepts it and it has no effect: the header is never sent.",
        "Write uwsgi_param HTTP_NAME value; (proxy_read_timeout: uwsgi_read_timeout).",
    ),
    Code(
        "QN005",
        ERROR,
        "a uwsgi_param hides those around it",
        "The location sets a uwsgi_param of its own and includes uwsgi_params only at an outer "
        "level.",
        "nginx drops every inherited one: the application gets no REQUEST_METHOD, and the answer "
        "may still be 200.",
        "Repeat include uwsgi_params; in the location.",
    ),
    Code(
        "QN006",
        WARNING,
        "a forwarded header without HTTP_",
        "uwsgi_param X_FORWARDED_FOR (or _PROTO, _HOST, X_REAL_IP) lacks the HTTP_ in front.",
        "The application looks for HTTP_X_FORWARDED_FOR and does not find it.",
        "Write uwsgi_param HTTP_X_FORWARDED_FOR $proxy_add_x_forwarded_for;.",
    ),
    Code(
        "QN007",
        ERROR,
        "an alias that leaks its neighbours",
        "location /name (no slash at its end) with alias /path/ (one at its end).",
        "/name../secret is served from the directory above the alias.",
        "Write location /name/ with alias /path/, both with the slash.",
    ),
    Code(
        "QN008",
        ERROR,
        "a root that repeats the location",
        "The path of root ends with the prefix of its location, or names a single file.",
        "nginx appends the whole URI: /app/static/static/app.css, which is not found.",
        "Use alias with the same path, or root with the directory above.",
    ),
)
