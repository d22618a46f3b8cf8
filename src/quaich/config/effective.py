"""The frozen configuration: one typed field per implemented option.

Generated from the option table by ``python -m quaich.config.generate``; do not edit.
"""

from quaich.config.base import ConfigBase, Diagnostic, ListenSpec
from quaich.values import dataclass

__all__ = ["FIXED", "Config", "Diagnostic", "ListenSpec"]


@dataclass(frozen=True, kw_only=True)
class Config(ConfigBase):
    """Every effective value, whichever door and sources it came by."""

    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ciphers: str | None = None
    tls_client_ca: str | None = None
    protocol: str = "uwsgi"
    proxy_protocol: bool = False
    forwarded_allow: str | None = None
    listen: int = 100
    chmod_socket: int | None = None
    chown_socket: str | None = None
    shared_socket: tuple[str, ...] = ()
    map_socket: tuple[str, ...] = ()
    abstract_socket: bool = False
    freebind: bool = False
    reuse_port: bool = False
    no_defer_accept: bool = False
    so_keepalive: bool = False
    socket_sndbuf: int | None = None
    socket_rcvbuf: int | None = None
    tcp_fast_open: int | None = None
    honour_stdin: bool = False
    socket_timeout: int = 60
    http_timeout: int = 60
    http_keepalive: int = 75
    keepalive_requests: int = 0
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
    skip_atexit: bool = False
    logto: str | None = None
    disable_logging: bool = False
    log_4xx: bool = False
    log_5xx: bool = False
    log_slow: int = 0
    log_big: int = 0
    log_zero: bool = False
    log_sendfile: bool = False
    log_ioerror: bool = False
    log_format: str | None = None
    logformat_strftime: bool = False
    log_date: str | None = None
    log_micros: bool = False
    log_x_forwarded_for: bool = False
    memory_report: bool = False
    log_json: bool = False
    access_log: str | None = None
    logger: tuple[str, ...] = ()
    req_logger: tuple[str, ...] = ()
    log_route: tuple[str, ...] = ()
    log_req_route: tuple[str, ...] = ()
    log_filter: tuple[str, ...] = ()
    log_drain: tuple[str, ...] = ()
    log_encoder: tuple[str, ...] = ()
    log_req_encoder: tuple[str, ...] = ()
    log_syslog: str | None = None
    log_socket: str | None = None
    rsyslog_packet_size: int = 1024
    log_worker_output: bool = False
    strict: bool = False
    show_config: bool = False
    cheaper: int = 0
    cheaper_initial: int = 0
    cheaper_algo: str = "spare"
    cheaper_step: int = 1
    cheaper_overload: int = 3
    cheaper_rss_limit_soft: int = 0
    cheaper_rss_limit_hard: int = 0
    cheaper_busyness_max: int = 50
    cheaper_busyness_min: int = 25
    cheaper_busyness_multiplier: int = 10
    cheaper_busyness_penalty: int = 2
    cheaper_busyness_verbose: bool = False
    cheaper_busyness_backlog_alert: int = 33
    cheaper_busyness_backlog_multiplier: int = 3
    cheaper_busyness_backlog_step: int = 1
    cheaper_busyness_backlog_nonzero: int = 60
    idle: int = 0
    die_on_idle: bool = False
    cheap: bool = False
    cpu_affinity: int | None = None
    limit_as: int | None = None
    limit_nproc: int | None = None
    max_fd: int | None = None
    prio: int | None = None
    forkbomb_delay: int = 1
    threads_stacksize: int | None = None
    flock: str | None = None
    flock_wait: str | None = None
    flock2: str | None = None
    flock_wait2: str | None = None
    touch_reload: tuple[str, ...] = ()
    touch_workers_reload: tuple[str, ...] = ()
    touch_chain_reload: tuple[str, ...] = ()
    exit_on_reload: bool = False
    startup_timeout: int = 0
    snapshot: int = 0
    harakiri_graceful_timeout: int = 0
    harakiri_graceful_signal: int = 15
    harakiri_queue_threshold: int = 0
    lazy_apps: bool = False
    warmup: tuple[str, ...] = ()
    ready_path: str | None = None
    post_fork: tuple[str, ...] = ()
    refork_after: int = 0
    py_auto_reload: int = 0
    py_auto_reload_ignore: tuple[str, ...] = ()
    reload_on_exception: bool = False
    reload_on_exception_type: tuple[str, ...] = ()
    reload_on_exception_value: tuple[str, ...] = ()
    reload_on_exception_repr: tuple[str, ...] = ()
    master_fifo: tuple[str, ...] = ()
    control: str | None = None
    daemonize: str | None = None
    daemonize2: str | None = None
    pidfile2: str | None = None
    safe_pidfile: str | None = None
    safe_pidfile2: str | None = None
    logto2: str | None = None
    log_reopen: bool = False
    touch_logreopen: tuple[str, ...] = ()
    touch_logrotate: tuple[str, ...] = ()
    log_maxsize: int = 0
    log_backupname: str | None = None
    log_truncate: bool = False
    logfile_chmod: int | None = None
    logfile_chown: bool = False
    add_gid: tuple[str, ...] = ()
    no_initgroups: bool = False
    immediate_uid: str | None = None
    immediate_gid: str | None = None
    cap: str | None = None
    chroot: str | None = None
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
    stats: tuple[str, ...] = ()
    stats_public: bool = False
    stats_http: bool = False
    stats_minified: bool = False
    stats_no_cores: bool = False
    stats_no_metrics: bool = False
    enable_metrics: bool = False
    metric: tuple[str, ...] = ()
    metrics_dir: str | None = None
    metrics_dir_restore: bool = False
    metrics_no_cores: bool = False
    stats_push: tuple[str, ...] = ()
    stats_pusher_default_freq: int = 3
    carbon: tuple[str, ...] = ()
    carbon_freq: int = 60
    carbon_timeout: int = 3
    carbon_id: str | None = None
    carbon_root: str = "uwsgi"
    carbon_hostname_dots: str | None = None
    carbon_no_workers: bool = False
    alarm: tuple[str, ...] = ()
    alarm_backlog: tuple[str, ...] = ()
    alarm_fd: tuple[str, ...] = ()
    alarm_segfault: tuple[str, ...] = ()
    log_alarm: tuple[str, ...] = ()
    not_log_alarm: tuple[str, ...] = ()
    metric_threshold: tuple[str, ...] = ()
    alarm_freq: int = 3
    alarm_msg_size: int = 8192
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
    "tls_cert",
    "tls_key",
    "tls_ciphers",
    "tls_client_ca",
    "protocol",
    "listen",
    "chmod_socket",
    "chown_socket",
    "shared_socket",
    "abstract_socket",
    "freebind",
    "reuse_port",
    "no_defer_accept",
    "so_keepalive",
    "socket_sndbuf",
    "socket_rcvbuf",
    "tcp_fast_open",
    "master",
    "pidfile",
    "umask",
    "logto",
    "logger",
    "req_logger",
    "log_route",
    "log_req_route",
    "log_filter",
    "log_drain",
    "log_encoder",
    "log_req_encoder",
    "log_syslog",
    "log_socket",
    "rsyslog_packet_size",
    "log_worker_output",
    "flock",
    "flock_wait",
    "flock2",
    "flock_wait2",
    "master_fifo",
    "control",
    "daemonize",
    "daemonize2",
    "pidfile2",
    "safe_pidfile",
    "safe_pidfile2",
    "logto2",
    "log_truncate",
    "immediate_uid",
    "immediate_gid",
    "stats",
    "stats_public",
    "metric",
    "metrics_dir",
    "metrics_dir_restore",
    "stats_push",
    "carbon",
    "alarm",
    "alarm_backlog",
    "alarm_fd",
    "alarm_segfault",
    "log_alarm",
    "not_log_alarm",
    "metric_threshold",
)
