"""QX14x to QX16x: where the configuration comes from."""

from quaich.config.codes.row import ERROR, NOTE, WARNING, Code

CODES = (
    Code(
        "QX140",
        ERROR,
        "a configuration that cannot be read",
        "The file, URL, command or descriptor does not exist, may not be read, or failed.",
        "uWSGI exits 1; so does quaich.",
        "Correct the name or the permissions.",
    ),
    Code(
        "QX141",
        ERROR,
        "more than a configuration may be",
        "Too many bytes, files, settings, repetitions or levels, or no end within the time "
        "allowed.",
        "uWSGI reads on until memory or patience ends; quaich stops with one line.",
        "Look at the place named: a loop, a wrong file, or a server that does not answer.",
    ),
    Code(
        "QX142",
        ERROR,
        "files that include each other",
        "A file includes itself, directly or through others.",
        "uWSGI recurses until it crashes; quaich exits 1.",
        "Remove one of the includes.",
    ),
    Code(
        "QX143",
        ERROR,
        "no such kind of configuration",
        "The argument has no extension of a configuration file, or a scheme that is refused "
        "(section://, data://, sym://, call://).",
        "uWSGI exits 1 for files it cannot tell; the refused schemes read from uWSGI's own binary "
        "or call into plugins, which quaich has neither of.",
        "Name a file *.ini, *.json, *.yml, *.xml or *.toml, or a scheme: http://, https://, "
        "exec://, fd://.",
    ),
    Code(
        "QX144",
        ERROR,
        "a library is needed to read it",
        "The file needs a package that is not installed (YAML, TOML before Python 3.11, "
        "PasteDeploy).",
        "uWSGI needs the matching build; quaich exits 1 and names the package.",
        "Install the package that the message names into quaich's environment.",
    ),
    Code(
        "QX145",
        ERROR,
        "an XML file with a document type or entities",
        "The XML declares a DTD or entities.",
        "libxml2 would expand them; quaich refuses, since they can read files and exhaust memory.",
        "Write the values themselves, or $(ENV) and %(placeholder).",
    ),
    Code(
        "QX146",
        ERROR,
        "an option that the configuration forbids",
        "blacklist or whitelist excludes the option at this place.",
        "uWSGI exits 1; so does quaich.",
        "Remove it, or end the list before it.",
    ),
    Code(
        "QX147",
        ERROR,
        "a name that is already an option's",
        "set-placeholder or declare-option names an option that exists.",
        "uWSGI exits 1; so does quaich.",
        "Choose another name, or use set.",
    ),
    Code(
        "QX148",
        WARNING,
        "a configuration fetched without protection",
        "The configuration comes over http://.",
        "Whoever is on the way can change it, in uWSGI and in quaich.",
        "Use https:// or a file.",
    ),
    Code(
        "QX149",
        NOTE,
        "the fallback configuration is in use",
        "The configuration failed and fallback-config names another.",
        "uWSGI starts itself again with the other; so does quaich.",
        "Correct the first configuration; the lines before say what is wrong.",
    ),
    Code(
        "QX150",
        ERROR,
        "nothing to serve",
        "Neither a socket nor an application is configured.",
        "uWSGI exits 1: the -s/--socket option is missing and stdin is not a socket.",
        "Write http-socket = 127.0.0.1:8080 and module = package.module:callable.",
    ),
    Code(
        "QX151",
        ERROR,
        "a declaration that cannot be understood",
        "set, set-placeholder, declare-option, env or another name=value option has no =.",
        "uWSGI exits 1 or ignores it; quaich exits 1.",
        "Write name=value.",
    ),
    Code(
        "QX152",
        WARNING,
        "a command or list that gives nothing",
        "The file of a for-readline cannot be read, or the command of an exec:// failed.",
        "It counts as empty, in uWSGI and in quaich.",
        "Correct the path or the command.",
    ),
)
