"""From gunicorn: its configuration file, run in a process of its own, and its command line."""

import os
from collections.abc import Sequence

from quaich.cli import child
from quaich.cli.migrate.draft import (
    Draft,
    Handler,
    Switch,
    apply,
    ignore,
    proxies,
    read_options,
    to,
    without,
    write_application,
    write_service,
)
from quaich.errors import QuaichError, UsageError

_SECONDS = 10.0
_IN_PARSER = "requests are always parsed strictly"
_ASGI = "ASGI applications are not served"
_HOOKS = {
    "post_fork": "review: in the application, os.register_at_fork or uwsgidecorators.postfork",
    "post_worker_init": "review: uwsgidecorators.postfork in the application",
    "when_ready": "review: hook-accepting1-once",
    "on_starting": "review: hook-asap",
    "on_reload": "review: hook-master-start",
    "on_exit": "review: hook-as-user-atexit",
    "worker_exit": "review: atexit in the application",
    "worker_abort": "harakiri logs the stacks of the request that took too long",
    "pre_request": "review: WSGI middleware",
    "post_request": "review: WSGI middleware",
}
_LOG_ATOMS = {
    "%(h)s": "%(addr)",
    "%(u)s": "%(user)",
    "%(t)s": "[%(ltime)]",
    "%(r)s": "%(method) %(uri) %(proto)",
    "%(m)s": "%(method)",
    "%(U)s": "%(uri)",
    "%(s)s": "%(status)",
    "%(b)s": "%(rsize)",
    "%(B)s": "%(rsize)",
    "%(f)s": "%(referer)",
    "%(a)s": "%(uagent)",
    "%(D)s": "%(micros)",
    "%(M)s": "%(msecs)",
    "%(L)s": "%(secs)",
    "%(p)s": "%(pid)",
    "%(l)s": "-",
    "%(H)s": "%(proto)",
}


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    return [text.strip() for text in str(value).split(",") if text.strip()]


def _worker_class(draft: Draft, name: str, value: object) -> None:
    word = str(value).rpartition(".")[2]
    if word in ("sync", "gthread", "SyncWorker", "ThreadWorker"):
        return
    if word in ("gevent", "GeventWorker", "gevent_pywsgi", "gevent_wsgi"):
        draft.set("gevent", 1000, "worker_class = gevent; worker_connections is its default")
    elif "uvicorn" in str(value).lower() or word == "asgi":
        draft.miss(name, f"{value}: {_ASGI}")
    else:
        draft.miss(name, f"{value}: use threads, or gevent")


def _connections(draft: Draft, name: str, value: object) -> None:
    for index, (key, _, comment) in enumerate(draft.lines):
        if key == "gevent":
            draft.lines[index] = (key, str(value), comment.partition(";")[0])
            return
    draft.miss(name, "idle connections cost no worker; threads bounds the requests that run")


def _keepalive(draft: Draft, name: str, value: object) -> None:
    text = str(value)
    # One second would read as "on".
    draft.set("http-keepalive", "2" if text == "1" else text)


def _number_or_off(key: str, comment: str = "") -> Handler:
    def handle(draft: Draft, name: str, value: object) -> None:
        if str(value) not in ("0", "False"):
            draft.set(key, value, comment)

    return handle


def _account(key: str) -> Handler:
    def handle(draft: Draft, name: str, value: object) -> None:
        if str(value) not in ("0", "root"):
            draft.set(key, value, "privileges are dropped before the application is imported")

    return handle


def _umask(draft: Draft, name: str, value: object) -> None:
    try:
        number = value if isinstance(value, int) else int(str(value), 0)
    except ValueError:
        number = int(str(value), 8)
    if number:
        draft.set("umask", f"{number:03o}")


def _flag(key: str, comment: str = "") -> Handler:
    def handle(draft: Draft, name: str, value: object) -> None:
        if value:
            draft.set(key, True, comment)

    return handle


def _if_set(why: str) -> Handler:
    def handle(draft: Draft, name: str, value: object) -> None:
        if value:
            draft.miss(name, why)

    return handle


def _reload(draft: Draft, name: str, value: object) -> None:
    if value:
        draft.set("py-autoreload", 1, "for development only")


def _sendfile(draft: Draft, name: str, value: object) -> None:
    if value is False:
        draft.set("disable-sendfile", True)


def _python_path(draft: Draft, name: str, value: object) -> None:
    for each in _texts(value):
        draft.set("pythonpath", each)


def _preload(draft: Draft, name: str, value: object) -> None:
    if not value:
        draft.set("lazy-apps", True, "each worker imports the application itself")


def _error_log(draft: Draft, name: str, value: object) -> None:
    if value != "-":
        draft.set("logto", value, "one log for errors and requests")


def _log_format(draft: Draft, name: str, value: object) -> None:
    text = str(value)
    for atom, variable in _LOG_ATOMS.items():
        text = text.replace(atom, variable)
    if "%(" in text.replace("%%", "") and any(f"%({each}" in text for each in "{Tlqe"):
        draft.miss(name, "some of its atoms have no variable here; see log-format")
        return
    draft.set("log-format", text)


def _syslog(draft: Draft, name: str, value: object) -> None:
    if value:
        draft.set("log-syslog", "gunicorn")


def _statsd(draft: Draft, name: str, value: object) -> None:
    draft.set("stats-push", f"statsd:{value}")


def _proxy_protocol(draft: Draft, name: str, value: object) -> None:
    if value not in (False, "off", None):
        draft.set("http-enable-proxy-protocol", True)


_HANDLERS: dict[str, Handler] = {
    "workers": to("processes"),
    "threads": to("threads"),
    "worker_class": _worker_class,
    "worker_connections": _connections,
    "timeout": _number_or_off("harakiri", "gunicorn's timeout is a heartbeat; this is per request"),
    "graceful_timeout": to("worker-reload-mercy", "seconds a reload or stop waits for requests"),
    "keepalive": _keepalive,
    "max_requests": _number_or_off("max-requests"),
    "max_requests_jitter": _number_or_off("max-requests-delta"),
    "backlog": to("listen", "at most net.core.somaxconn"),
    "chdir": to("chdir"),
    "pythonpath": _python_path,
    "raw_env": to("env"),
    "preload_app": _preload,
    "user": _account("uid"),
    "group": _account("gid"),
    "umask": _umask,
    "initgroups": ignore,
    "pidfile": to("pidfile"),
    "proc_name": to("procname-prefix-spaced"),
    "daemon": _if_set(
        "let systemd or another supervisor start it; daemonize = FILE does it itself"
    ),
    "reload": _reload,
    "reload_extra_files": to("touch-reload"),
    "reload_engine": ignore,
    "reuse_port": _flag("reuse-port"),
    "sendfile": _sendfile,
    "access_log_format": _log_format,
    "accesslog": ignore,
    "errorlog": _error_log,
    "loglevel": without("there are no levels: log lines are facts"),
    "capture_output": ignore,
    "enable_stdio_inheritance": ignore,
    "logger_class": without("review: logger or log-format"),
    "logconfig": without("the application configures logging itself"),
    "logconfig_dict": _if_set("the application configures logging itself"),
    "logconfig_json": without("the application configures logging itself"),
    "syslog": _syslog,
    "syslog_addr": without("review: log-syslog or logger = rsyslog:"),
    "syslog_prefix": without("review: log-syslog = NAME"),
    "syslog_facility": without("review: logger = syslog:name,facility"),
    "disable_redirect_access_to_syslog": ignore,
    "statsd_host": _statsd,
    "statsd_prefix": _if_set("give it as the second part of stats-push = statsd:host:port,prefix"),
    "dogstatsd_tags": _if_set("tags are not sent"),
    "paste": to("ini-paste"),
    "raw_paste_global_conf": _if_set("write the values into the paste file"),
    "proxy_protocol": _proxy_protocol,
    "proxy_allow_ips": without("listen where only the proxy reaches it"),
    "uwsgi_allow_ips": without("listen on a UNIX socket or where only the proxy reaches it"),
    "forwarded_allow_ips": proxies,
    "secure_scheme_headers": without("X-Forwarded-Proto and X-Forwarded-SSL are understood"),
    "forwarder_headers": without(_IN_PARSER),
    "header_map": without(_IN_PARSER),
    "limit_request_line": without("buffer-size bounds the whole head of a request"),
    "limit_request_fields": without("buffer-size bounds the whole head of a request"),
    "limit_request_field_size": without("buffer-size bounds the whole head of a request"),
    "worker_tmp_dir": without("no file is touched as a heartbeat"),
    "tmp_upload_dir": without("set TMPDIR"),
    "spew": _if_set("py-spy dump shows what runs"),
    "check_config": ignore,
    "print_config": ignore,
    "root_path": _if_set("mount = /path=module:callable with manage-script-name"),
    "protocol": ignore,
    "ca_certs": ignore,
    "ciphers": ignore,
    "keyfile": ignore,
    "certfile": ignore,
    "cert_reqs": _if_set("a client certificate is asked for when https names an authority"),
    "ssl_version": without("TLS 1.2 or later is spoken"),
    "do_handshake_on_connect": ignore,
    "suppress_ragged_eofs": ignore,
    "permit_obsolete_folding": _if_set(_IN_PARSER),
    "strip_header_spaces": _if_set(_IN_PARSER),
    "permit_unconventional_http_method": _if_set(_IN_PARSER),
    "permit_unconventional_http_version": _if_set(_IN_PARSER),
    "casefold_http_method": _if_set(_IN_PARSER),
    "http_parser": ignore,
    "http_protocols": without("HTTP/1.1 is spoken; nginx in front speaks the newer ones"),
    "http2_cleartext": without("nginx in front speaks HTTP/2"),
    "asgi_loop": without(_ASGI),
    "asgi_lifespan": without(_ASGI),
    "asgi_disconnect_grace_period": without(_ASGI),
    "websocket_max_message_size": to("websockets-max-size"),
    "enable_backlog_metric": ignore,
    "control_socket": ignore,
    "control_socket_mode": ignore,
    "control_socket_disable": ignore,
    "default_proc_name": ignore,
    "wsgi_app": ignore,
    "bind": ignore,
    **{name: without(text) for name, text in _HOOKS.items()},
    **dict.fromkeys(
        ("pre_fork", "pre_exec", "worker_int", "child_exit", "nworkers_changed", "ssl_context"),
        without("there is no such hook"),
    ),
}

KNOWN = frozenset(_HANDLERS)
"""Every setting of gunicorn's that is known here."""

# Short and long options, by the setting they are for.
_OPTIONS = (
    "config -c --config,bind -b --bind *,backlog --backlog,workers -w --workers,"
    "worker_class -k --worker-class,threads --threads,worker_connections --worker-connections,"
    "max_requests --max-requests,max_requests_jitter --max-requests-jitter,timeout -t --timeout,"
    "graceful_timeout --graceful-timeout,keepalive --keep-alive,"
    "limit_request_line --limit-request-line,limit_request_fields --limit-request-fields,"
    "limit_request_field_size --limit-request-field_size,reload --reload +,"
    "reload_engine --reload-engine,reload_extra_files --reload-extra-file *,spew --spew +,"
    "check_config --check-config +,print_config --print-config +,preload_app --preload +,"
    "sendfile --no-sendfile -,reuse_port --reuse-port +,chdir --chdir,daemon -D --daemon +,"
    "raw_env -e --env *,pidfile -p --pid,worker_tmp_dir --worker-tmp-dir,user -u --user,"
    "group -g --group,umask -m --umask,initgroups --initgroups +,"
    "forwarded_allow_ips --forwarded-allow-ips,accesslog --access-logfile,"
    "disable_redirect_access_to_syslog --disable-redirect-access-to-syslog +,"
    "access_log_format --access-logformat,errorlog --error-logfile --log-file,"
    "loglevel --log-level,capture_output --capture-output +,logger_class --logger-class,"
    "logconfig --log-config,logconfig_json --log-config-json,syslog_addr --log-syslog-to,"
    "syslog --log-syslog +,syslog_prefix --log-syslog-prefix,"
    "syslog_facility --log-syslog-facility,"
    "enable_stdio_inheritance -R --enable-stdio-inheritance +,statsd_host --statsd-host,"
    "dogstatsd_tags --dogstatsd-tags,statsd_prefix --statsd-prefix,proc_name -n --name,"
    "pythonpath --pythonpath,paste --paste --paster,proxy_allow_ips --proxy-allow-from,"
    "protocol --protocol,uwsgi_allow_ips --uwsgi-allow-from,keyfile --keyfile,"
    "certfile --certfile,ssl_version --ssl-version,cert_reqs --cert-reqs,ca_certs --ca-certs,"
    "ciphers --ciphers,do_handshake_on_connect --do-handshake-on-connect +,"
    "raw_paste_global_conf --paste-global *,strip_header_spaces --strip-header-spaces +,"
    "permit_obsolete_folding --permit-obsolete-folding +,"
    "permit_unconventional_http_method --permit-unconventional-http-method +,"
    "permit_unconventional_http_version --permit-unconventional-http-version +,"
    "casefold_http_method --casefold-http-method +,forwarder_headers --forwarder-headers,"
    "header_map --header-map,root_path --root-path,asgi_loop --asgi-loop,"
    "asgi_lifespan --asgi-lifespan,http_protocols --http-protocols,http_parser --http-parser,"
    "control_socket --control-socket,control_socket_disable --no-control-socket +,"
    "proxy_protocol --proxy-protocol,enable_backlog_metric --enable-backlog-metric +,"
    "websocket_max_message_size --websocket-max-message-size"
)
_TAKES: dict[str, object] = {"*": "list", "+": True, "-": False}


def _switches() -> dict[str, Switch]:
    found = {}
    for row in _OPTIONS.split(","):
        name, *words = row.split()
        takes = _TAKES[words.pop()] if words[-1] in _TAKES else "value"
        for word in words:
            found[word] = Switch(name, takes)
    return found


SWITCHES = _switches()


def from_file(path: str) -> Draft:
    """The equivalent of a ``gunicorn.conf.py``."""
    return _draft(read_file(path), path)


def from_options(arguments: Sequence[str]) -> Draft:
    """The equivalent of a command line, with the file that it names or finds."""
    options, others = read_options("gunicorn", arguments, SWITCHES)
    path = options.pop("config", None)
    if path is None and os.path.exists("gunicorn.conf.py"):
        path = "gunicorn.conf.py"
    values = read_file(str(path).removeprefix("file:")) if path else {}
    values.update(options)
    if others:
        if len(others) > 1:
            raise UsageError(f"gunicorn: one application is served, got {' and '.join(others)}")
        values["wsgi_app"] = others[0]
    return _draft(values, " ".join(["gunicorn", *arguments]))


def read_file(path: str) -> dict[str, object]:
    """The settings of a configuration file, which is run in a process of its own."""
    answer = child.ask("quaich.cli.migrate.gunicornfile", os.path.abspath(path), _SECONDS)
    if answer.data is None:
        how = "takes too long" if answer.status is None else f"exits with {answer.status}"
        raise QuaichError(f"{path}: running it {how}")
    if answer.data["error"]:
        raise QuaichError(f"{path}: {answer.data['error']}")
    values: dict[str, object] = answer.data["values"]
    return values


def _draft(values: dict[str, object], source: str) -> Draft:
    draft = Draft(source)
    target = values.get("wsgi_app")
    if target:
        write_application(draft, str(target) if ":" in str(target) else f"{target}:application")
    elif not values.get("paste"):
        draft.miss("application", "none is named; write module = package.module:callable")
    _addresses(draft, values)
    write_service(draft)
    apply(draft, values, _HANDLERS)
    if not values.get("accesslog"):
        draft.set("disable-logging", True, "gunicorn logs no requests unless accesslog is set")
    elif values["accesslog"] != "-":
        draft.set("req-logger", f"file:{values['accesslog']}")
    return draft


def _addresses(draft: Draft, values: dict[str, object]) -> None:
    port = os.environ.get("PORT")
    default = f"0.0.0.0:{port}" if port else "127.0.0.1:8000"
    speaks_uwsgi = str(values.get("protocol")) == "uwsgi"
    certificate = values.get("certfile")
    for address in _texts(values.get("bind") or default):
        address = address.removeprefix("tcp://").removeprefix("unix://").removeprefix("unix:")
        if ":" not in address and not address.startswith(("/", ".", "@", "fd:")):
            address = f"{address}:8000"
        if certificate:
            parts = [address, certificate, values.get("keyfile") or certificate]
            if values.get("ciphers") or values.get("ca_certs"):
                parts.append(values.get("ciphers") or "HIGH")
            if values.get("ca_certs"):
                parts.append(values["ca_certs"])
            draft.set("https", ",".join(map(str, parts)))
        else:
            draft.set("socket" if speaks_uwsgi else "http-socket", address)
