"""What those who look for holes ask every server for, and fail2ban's configuration; pure.

A path is only taken for a scan where the application does not have it (4xx), so that one that
serves ``/index.php`` bans nobody.  No line can name another address than its own
client's: what a client chooses comes after the address, or is a JSON string with escaped quotes.
"""

import re

_PATHS = (
    r"/\.(?:env|git|svn|hg|aws|ssh|vscode|htaccess|htpasswd|DS_Store)",
    r"/(?:wp-(?:login|admin|content|includes|config)|wordpress|xmlrpc\.php|wlwmanifest)",
    r"/(?:phpmyadmin|pma|myadmin|adminer|phpinfo|vendor/phpunit|cgi-bin|boaform|HNAP1|solr/admin)",
    r"/(?:actuator|jenkins|manager/html|owa/auth|autodiscover|server-status)",
    r"\.(?:php\d?|aspx?|jsp|cgi|bak|sql)(?=[/? \"]|$)",
    r"(?:\.\.|%2e%2e)(?:/|%2f|%5c)",
    r"/etc/passwd",
)
_SCAN = "|".join(_PATHS)
SCAN = re.compile(_SCAN, re.IGNORECASE)

BOT = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|scrap|curl/|wget/|python-requests|go-http-client|zgrab|masscan|"
    r"nikto|sqlmap|nuclei|headless",
    re.IGNORECASE,
)

_STRING = r'(?:[^"\\]|\\.)*'

# fail2ban takes the date out of a line before it looks.
_PLAIN = (
    r"^(?:\[pid: \d+\|app: [^\]|]*\|req: [^\]]*\] )?<HOST> \([^)]*\) \{[^}]*\} "
    rf"(?:\[[^\]]*\])? ?\S+ (?i:\S*(?:{_SCAN})\S*) => generated \d+ bytes in \d+ (?:msecs|micros).*"
    r" \(HTTP/\d\.\d 4\d\d\)"
)
_JSON = (
    rf'^\{{(?:"time":)?"?[^"]*"?,"type":"request","request_id":"{_STRING}","method":"{_STRING}",'
    rf'"path":"(?i:{_STRING}?(?:{_SCAN}){_STRING})",.*"status":4\d\d,.*"remote":"<HOST>"'
)
REGEXES = (_PLAIN, _JSON)


def fail2ban_filter() -> str:
    """``filter.d/quaich.conf``."""
    plain, as_json = (each.replace("%", "%%") for each in REGEXES)
    return f"""\
# fail2ban: those who look for holes in sites that quaich serves, by the request log in uWSGI's
# format or as JSON. A request for what the application does not have, such as /.env, is a failure.

[Definition]
failregex = {plain}
            {as_json}
ignoreregex =
datepattern = \\[%%a %%b %%d %%H:%%M:%%S %%Y\\]
              %%Y-%%m-%%dT%%H:%%M:%%S\\.%%f%%z
"""


def fail2ban_jail() -> str:
    """``jail.d/quaich.conf``."""
    return """\
# The address in the log has to be the client's: behind nginx it is, with uwsgi_params. fail2ban
# does not start with a jail that has no log yet: enable it once a site was deployed.
[quaich]
enabled = true
filter = quaich
port = http,https
logpath = /var/log/quaich/*/*.log
backend = auto
maxretry = 5
findtime = 10m
bantime = 1h
"""
