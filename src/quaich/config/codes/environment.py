"""QX4xx and QX5xx: what the machine and the application say to the configuration."""

from quaich.config.codes.row import ERROR, NOTE, WARNING, Code

CODES = (
    Code(
        "QX401",
        ERROR,
        "listen is over the kernel's limit",
        "listen is greater than net.core.somaxconn.",
        "uWSGI refuses to start, and so does quaich.",
        "Raise the limit (sysctl -w net.core.somaxconn=N) or lower listen.",
    ),
    Code(
        "QX402",
        ERROR,
        "the address is in use",
        "Another process listens on the address.",
        "The start fails, in uWSGI and in quaich. A note only when that process is uWSGI or "
        "quaich, since it may be this very service; a warning when it cannot be told.",
        "Stop the other process or choose another address.",
    ),
    Code(
        "QX403",
        ERROR,
        "the address cannot be listened on",
        "The host name does not resolve, the address is not this machine's, or it is malformed.",
        "The start fails (uWSGI silently turns a name it cannot resolve into another address).",
        "Write an address of this machine, or :port for all of them.",
    ),
    Code(
        "QX404",
        ERROR,
        "the port needs privileges",
        "The port is below the first that ordinary users may use, and this user is not root.",
        "The start fails.",
        "Choose a port from 1024, or let systemd open the socket.",
    ),
    Code(
        "QX405",
        ERROR,
        "the socket cannot be created there",
        "The directory of a UNIX socket does not exist, or the path holds something that is no "
        "socket.",
        "The start fails.",
        "Create the directory for the service's user (systemd: RuntimeDirectory=).",
    ),
    Code(
        "QX406",
        ERROR,
        "the directory of the socket may not be written to",
        "This user may not create files in the directory of a UNIX socket.",
        "The start fails when this user starts it.",
        "Give the directory to the service's user (systemd: RuntimeDirectory=).",
    ),
    Code(
        "QX410",
        ERROR,
        "a file or directory is missing",
        "An option names a file or directory that does not exist, or is the other of the two.",
        "The start fails, or the application cannot be loaded.",
        "Correct the path. Relative ones are looked up where the server is started.",
    ),
    Code(
        "QX411",
        ERROR,
        "a file or directory cannot be used",
        "This user may not read, enter or write what an option names.",
        "The start fails, or fails once privileges are dropped.",
        "Change the permissions, or the user the server runs as.",
    ),
    Code(
        "QX412",
        ERROR,
        "no such user or group",
        "uid, gid or chown-socket names an account that this machine does not have.",
        "The start fails.",
        "Create the account or correct the name.",
    ),
    Code(
        "QX413",
        NOTE,
        "only root can change its user",
        "uid or gid names another account than the one this check runs as.",
        "Started by this account, the server refuses; started by root, it works.",
        "Start it as root, or let systemd set User= and remove uid and gid.",
    ),
    Code(
        "QX414",
        ERROR,
        "the virtual environment does not fit",
        "The directory is no virtual environment, or holds no packages for this Python.",
        "The application's packages are not found.",
        "Create it with the Python that runs quaich, or install quaich into it.",
    ),
    Code(
        "QX420",
        ERROR,
        "a certificate or key cannot be used",
        "The certificate or key that an option names is missing, malformed, expired, or they do "
        "not belong together.",
        "The start fails, or every client does.",
        "Renew the certificate, or correct the paths.",
    ),
    Code(
        "QX501",
        ERROR,
        "the application cannot be imported",
        "Importing the application raised an exception.",
        "uWSGI logs it and answers every request with 500, or exits 22 with need-app; so does "
        "quaich.",
        "The traceback names the line; a missing module belongs into the virtual environment.",
    ),
    Code(
        "QX502",
        ERROR,
        "there is no such application",
        "The module or file was imported but has no callable of that name.",
        "As for an application that cannot be imported.",
        "Name it: module = package.module:name, or callable = name.",
    ),
    Code(
        "QX503",
        WARNING,
        "threads run after the import",
        "Importing the application leaves threads running.",
        "Workers are forked from the process that imported it: the threads do not exist in them, "
        "and locks they held stay locked. uWSGI workers then hang or crash now and then.",
        "Start threads in the worker, at the first request or in a postfork hook.",
    ),
    Code(
        "QX504",
        WARNING,
        "the import takes too long",
        "The application was not imported within the time limit of the check.",
        "Nothing is known about it.",
        "Give more time with --import-timeout, or see what the module waits for.",
    ),
    Code(
        "QX505",
        ERROR,
        "the import ends the process",
        "Importing the application calls exit or crashes the interpreter.",
        "The workers end the same way and are started again and again.",
        "Move what runs at import under if __name__ == '__main__'.",
    ),
    Code(
        "QX506",
        WARNING,
        "no application is named",
        "There is a socket, but no module, wsgi-file or mount.",
        "uWSGI starts in full dynamic mode, where whoever reaches the socket names the code to "
        "load; quaich answers every request with 500.",
        "Write module = package.module:callable.",
    ),
    Code(
        "QX510",
        WARNING,
        "a request names code to load",
        "The proxy sends UWSGI_FILE, UWSGI_MODULE, UWSGI_PYHOME or another variable that makes "
        "uWSGI load code.",
        "uWSGI obeys: whoever reaches the socket runs code. quaich ignores it, once with this "
        "line, unless dynamic-apps names the directories it may load from.",
        "Configure the applications with mount, or set dynamic-apps.",
    ),
)
