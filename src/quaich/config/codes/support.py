"""QX2xx and QX3xx: how quaich relates to what was asked for."""

from quaich.config.codes.row import ERROR, NOTE, WARNING, Code

CODES = (
    Code(
        "QX201",
        WARNING,
        "not supported yet, ignored",
        "uWSGI has this option; quaich does not act on it yet.",
        "The server starts and serves without it.",
        "See the option's row (quaich explain NAME) for what it waits for.",
    ),
    Code(
        "QX202",
        ERROR,
        "not supported yet, and it cannot be ignored",
        "uWSGI has this option; quaich does not act on it yet, and without it the server would "
        "be less protected than its configuration says, or would not be what it asks for.",
        "quaich refuses to start rather than serve without it.",
        "See the option's row (quaich explain NAME); remove it once something else does its work.",
    ),
    Code(
        "QX203",
        ERROR,
        "a value that is not supported",
        "The option is supported, but not with this value, which uWSGI knows.",
        "quaich refuses to start.",
        "Use one of the values that the message names.",
    ),
    Code(
        "QX210",
        ERROR,
        "will not be supported",
        "uWSGI has this option and quaich will never act on it, and ignoring it would leave out "
        "something that the service relies on.",
        "quaich refuses to start.",
        "The option's row (quaich explain NAME) names what to use instead.",
    ),
    Code(
        "QX211",
        WARNING,
        "will not be supported, ignored",
        "uWSGI has this option and quaich will never act on it; it can be left out.",
        "The server starts and serves without it.",
        "Remove the line; the option's row (quaich explain NAME) names what to use instead.",
    ),
    Code(
        "QX301",
        NOTE,
        "accepted, without effect",
        "The option tunes something that quaich does otherwise or always.",
        "Nothing is lost.",
        "It may stay for uWSGI's sake, or go.",
    ),
    Code(
        "QX302",
        NOTE,
        "not quite as in uWSGI",
        "The option works, with a documented difference.",
        "The option's row (quaich explain NAME) says which.",
        "Nothing, unless the difference matters to you.",
    ),
)
