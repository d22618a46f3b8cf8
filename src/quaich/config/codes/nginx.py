"""QN0xx: sites of nginx that pass requests to an application server: the passes themselves."""

from quaich.config.codes.row import ERROR, NOTE, WARNING, Code

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
        "uwsgi_param X_FORWARDED_FOR (or _PROTO, _HOST, X_REAL_IP) lacks the HTTP_ in front, "
        "or is written with dashes like a header.",
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
    Code(
        "QN010",
        WARNING,
        "directives of another module beside a pass",
        "uwsgi_, scgi_, fastcgi_ or proxy_ directives stand beside the pass of another protocol.",
        "nginx accepts them and they have no effect.",
        "Write them with the prefix of the pass, or remove them.",
    ),
    Code(
        "QN011",
        WARNING,
        "X-Forwarded-Host is the configured name",
        "The header is set from $server_name.",
        "The application builds its links with the first name of server_name, whatever name "
        "was asked for.",
        "Remove it: HTTP_HOST holds the name that was asked for.",
    ),
    Code(
        "QN013",
        WARNING,
        "a parameter is sent twice",
        "The same name is set twice at one level, by an included file and again, such as "
        "HTTP_HOST.",
        "nginx sends both, and which one counts depends on the application server.",
        "Set it once: include another file of parameters, or change that one.",
    ),
    Code(
        "QN014",
        WARNING,
        "the port is lost from the host",
        "HTTP_HOST (or the header Host) is $host, and the site listens on another port than "
        "80 and 443.",
        "Redirects and links of the application lead to the default port. Packages of Debian "
        "have set HTTP_HOST to $host in uwsgi_params since 2026.",
        "Write $host:$server_port; from nginx 1.29.3 $host$is_request_port$request_port.",
    ),
    Code(
        "QN015",
        NOTE,
        "the host as the client wrote it",
        "HTTP_HOST (or the header Host) is $http_host.",
        "A client that names another host in the request line chooses what the application "
        "takes for its own name.",
        "Write $host (with :$server_port on other ports than 80 and 443).",
    ),
    Code(
        "QN016",
        WARNING,
        "the application does not see the host",
        "proxy_pass to this machine without proxy_set_header Host.",
        "The application gets the name of the upstream for the host: wrong links, or 400 from"
        " Django.",
        "Write proxy_set_header Host $host.",
    ),
    Code(
        "QN017",
        NOTE,
        "a client's Proxy header reaches the application",
        "No parameter overrides HTTP_PROXY.",
        "Libraries that take HTTP_PROXY for a setting send the application's own requests to "
        "the client's proxy (httpoxy). quaich drops the header; uWSGI does not.",
        'Write uwsgi_param HTTP_PROXY "" if_not_empty.',
    ),
    Code(
        "QN018",
        WARNING,
        "every client may choose its address",
        "set_real_ip_from names every address.",
        "Logs, limits and access lists see the address that a client claims in a header.",
        "Name the networks of your own proxies only.",
    ),
    Code(
        "QN019",
        WARNING,
        "a header hides those around it",
        "The location sets a proxy_set_header of its own, and Host only at an outer level.",
        "nginx drops every inherited one: the application gets the name of the upstream for "
        "the host.",
        "Repeat the outer headers in the location.",
    ),
    Code(
        "QN020",
        WARNING,
        "buffers too small for a response head",
        "The head of a response must fit into 4 kB (uwsgi_buffer_size; a note when it is "
        "nginx's default).",
        "A response with 5 kB of cookies is answered with 502: upstream sent too big header.",
        "Write uwsgi_buffer_size 16k; uwsgi_buffers 16 16k; uwsgi_busy_buffers_size 32k.",
    ),
    Code(
        "QN021",
        NOTE,
        "bodies over 1 MB are refused",
        "client_max_body_size is not set.",
        "nginx answers larger uploads with 413, and the application never hears of them.",
        "Write client_max_body_size with what the application accepts.",
    ),
    Code(
        "QN022",
        NOTE,
        "nothing is buffered for slow clients",
        "Buffering of requests or responses is off for the whole site.",
        "A worker that cannot wait by itself is held by each slow client for as long as it likes.",
        "Leave it on; send X-Accel-Buffering: no with the responses that are streamed.",
    ),
    Code(
        "QN023",
        NOTE,
        "keepalive without effect",
        "The upstream of a uwsgi_pass or scgi_pass has keepalive.",
        "These protocols close the connection after each request.",
        "Remove it, and use a UNIX socket.",
    ),
    Code(
        "QN024",
        WARNING,
        "nginx gives up before harakiri",
        "The read timeout is not longer than harakiri.",
        "The client gets 504 while the worker goes on, and the log has no traceback of what "
        "took so long.",
        "Make it harakiri and 5 seconds more.",
    ),
    Code(
        "QN025",
        WARNING,
        "an answer of the application takes servers down",
        "next_upstream names a status that the application itself answers with.",
        "Each such answer is repeated on the next server and counts as a failure: soon every "
        "server is considered down and nginx answers 502.",
        "Write uwsgi_next_upstream error timeout.",
    ),
    Code(
        "QN026",
        WARNING,
        "requests are repeated that must not be",
        "next_upstream has non_idempotent.",
        "A POST whose server fails is sent again to another: an order may be placed twice.",
        "Remove non_idempotent.",
    ),
    Code(
        "QN027",
        WARNING,
        "the backup may never be asked",
        "An upstream has a backup beside servers with max_fails=0.",
        "Servers that are never considered down are tried first, and next_upstream_tries may "
        "be used up by then.",
        "Write max_fails=1 fail_timeout=5s.",
    ),
    Code(
        "QN028",
        WARNING,
        "a socket in a temporary directory",
        "The socket is below /tmp or /var/tmp.",
        "With PrivateTmp, nginx or the application sees another /tmp: 502. Any local user may"
        " take the name.",
        "Use a directory below /run that belongs to the service.",
    ),
    Code(
        "QN029",
        WARNING,
        "a socket that everybody may write to",
        "The socket's mode lets all users connect.",
        "Any local user can send requests that claim to come from nginx, with any REMOTE_USER.",
        "Write chmod-socket = 660 and chown-socket with the group of nginx.",
    ),
    Code(
        "QN030",
        NOTE,
        "a short queue before the application",
        "The UNIX socket of the application holds no more than 100 waiting connections (listen).",
        "When it is full, nginx answers 502 at once; on TCP it would wait.",
        "Write listen = 1024, with net.core.somaxconn at least as much.",
    ),
    Code(
        "QN032",
        ERROR,
        "a cache that keeps cookies",
        "ignore_headers names Set-Cookie where responses are cached.",
        "The session cookie of one visitor is handed to all.",
        "Remove Set-Cookie from ignore_headers.",
    ),
    Code(
        "QN033",
        ERROR,
        "a cache without a key",
        "uwsgi_cache, scgi_cache or fastcgi_cache without its cache_key, which has no default.",
        "Every URL is answered with the first response that was cached.",
        "Write uwsgi_cache_key $scheme$request_method$host$request_uri.",
    ),
    Code(
        "QN034",
        WARNING,
        "a cache key without the host",
        "The cache_key does not contain the host.",
        "Sites that share the cache get each other's pages.",
        "Write uwsgi_cache_key $scheme$request_method$host$request_uri.",
    ),
    Code(
        "QN035",
        NOTE,
        "a cache without bypass",
        "Responses are cached, and neither cache_bypass nor no_cache is set.",
        "What one visitor sees after logging in may be shown to others, unless every such "
        "response says private.",
        "Write uwsgi_cache_bypass and uwsgi_no_cache with the session cookie and "
        "$http_authorization.",
    ),
    Code(
        "QN038",
        WARNING,
        "a pass inside of if",
        "uwsgi_pass or another pass stands in an if block.",
        "Whatever else the location says (try_files, headers) no longer applies as written "
        "when the condition holds.",
        "Write try_files $uri @app; and the pass in location @app.",
    ),
    Code(
        "QN054",
        NOTE,
        "early hints that are not sent",
        "early_hints beside uwsgi_pass, scgi_pass or fastcgi_pass.",
        "nginx forwards 103 from HTTP and gRPC servers only.",
        "Remove it, or use proxy_pass.",
    ),
)
