"""The frozen configuration: one typed field per implemented option.

Generated from the option table by ``python -m quaich.config.generate``; do not edit.
"""

from dataclasses import dataclass

from quaich.config.base import ConfigBase, Diagnostic, ListenSpec

__all__ = ["FIXED", "Config", "Diagnostic", "ListenSpec"]


@dataclass(frozen=True, kw_only=True)
class Config(ConfigBase):
    """Every effective value, whichever door and sources it came by."""

    protocol: str = "uwsgi"
    listen: int = 100
    chmod_socket: int | None = None
    chown_socket: str | None = None
    socket_timeout: int = 60
    http_timeout: int = 60
    http_keepalive: int = 75
    buffer_size: int = 65535
    limit_post: int = 0
    post_buffering: int = 65536
    module: str | None = None
    wsgi_file: str | None = None
    eval: str | None = None
    paste: str | None = None
    paste_logger: bool = False
    ini_paste: str | None = None
    ini_paste_logged: str | None = None
    pecan: str | None = None
    callable: str | None = None
    mount: tuple[str, ...] = ()
    manage_script_name: bool = False
    no_default_app: bool = False
    ignore_script_name: bool = False
    dynamic_apps: tuple[str, ...] = ()
    max_apps: int = 64
    need_app: bool = False
    chdir: str | None = None
    chdir2: str | None = None
    pythonpath: tuple[str, ...] = ()
    virtualenv: str | None = None
    env: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    pymodule_alias: tuple[str, ...] = ()
    pyargv: str | None = None
    py_executable: str | None = None
    pyrun: str | None = None
    pyshell: str | None = None
    test_import: str | None = None
    auto_procname: bool = False
    procname: str | None = None
    procname_master: str | None = None
    procname_prefix: str | None = None
    procname_prefix_spaced: str | None = None
    procname_append: str | None = None
    master: bool = False
    processes: int = 1
    threads: int = 1
    enable_threads: bool = False
    die_on_term: bool = False
    vacuum: bool = False
    pidfile: str | None = None
    uid: str | None = None
    gid: str | None = None
    umask: int | None = None
    logto: str | None = None
    disable_logging: bool = False
    log_4xx: bool = False
    log_5xx: bool = False
    strict: bool = False
    show_config: bool = False
    touch_reload: tuple[str, ...] = ()
    touch_workers_reload: tuple[str, ...] = ()
    touch_chain_reload: tuple[str, ...] = ()
    exit_on_reload: bool = False
    startup_timeout: int = 0
    snapshot: int = 0
    hook_asap: tuple[str, ...] = ()
    hook_pre_jail: tuple[str, ...] = ()
    hook_in_jail: tuple[str, ...] = ()
    hook_as_root: tuple[str, ...] = ()
    hook_as_user: tuple[str, ...] = ()
    hook_as_user_atexit: tuple[str, ...] = ()
    hook_pre_app: tuple[str, ...] = ()
    hook_post_app: tuple[str, ...] = ()
    hook_post_fork: tuple[str, ...] = ()
    hook_accepting: tuple[str, ...] = ()
    hook_accepting_once: tuple[str, ...] = ()
    hook_accepting1: tuple[str, ...] = ()
    hook_accepting1_once: tuple[str, ...] = ()
    hook_master_start: tuple[str, ...] = ()
    exec_asap: tuple[str, ...] = ()
    exec_pre_jail: tuple[str, ...] = ()
    exec_in_jail: tuple[str, ...] = ()
    exec_as_root: tuple[str, ...] = ()
    exec_as_user: tuple[str, ...] = ()
    exec_as_user_atexit: tuple[str, ...] = ()
    exec_pre_app: tuple[str, ...] = ()
    exec_post_app: tuple[str, ...] = ()
    hook_touch: tuple[str, ...] = ()
    touch_exec: tuple[str, ...] = ()
    wait_for_fs: tuple[str, ...] = ()
    wait_for_file: tuple[str, ...] = ()
    wait_for_dir: tuple[str, ...] = ()
    wait_for_mountpoint: tuple[str, ...] = ()
    wait_for_socket: tuple[str, ...] = ()
    wait_for_interface: tuple[str, ...] = ()
    wait_for_fs_timeout: int = 60
    wait_for_socket_timeout: int = 60
    wait_for_interface_timeout: int = 60
    attach_daemon: tuple[str, ...] = ()
    attach_control_daemon: tuple[str, ...] = ()
    smart_attach_daemon: tuple[str, ...] = ()
    smart_attach_daemon2: tuple[str, ...] = ()
    attach_daemon2: tuple[str, ...] = ()
    daemons_honour_stdin: bool = False
    harakiri: int = 0
    max_requests: int = 0
    max_requests_delta: int = 0
    min_worker_lifetime: int = 10
    max_worker_lifetime: int = 0
    max_worker_lifetime_delta: int = 0
    reload_on_rss: int = 0
    reload_on_as: int = 0
    evil_reload_on_rss: int = 0
    evil_reload_on_as: int = 0
    worker_reload_mercy: int = 60
    reload_mercy: int = 60


FIXED = (
    # What a reload does not change.
    "protocol",
    "listen",
    "chmod_socket",
    "chown_socket",
    "master",
    "pidfile",
    "umask",
    "logto",
)
