"""uWSGI's ini dialect, which is not configparser's.

Only whole lines are comments (``;`` or ``#`` first).  A line is split at its first ``=`` and both
halves are trimmed of spaces, tabs and CR; a line without ``=`` is a key without a value.  Quotes
are data, lines do not continue, repeated keys and sections add up, and a section header loses its
last character whatever that is.  Nothing is refused here: what a key means is decided later.
"""

from quaich.config.document import Document, Remark, Setting

BLANK = " \t\r"


def read(text: str, section: str) -> Document:
    """The settings of a section."""
    document = Document()
    current = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(BLANK)
        if not line or line[0] in ";#":
            continue
        if line[0] == "[":
            current = line[1:-1]
            document.found = document.found or current == section
            remark = _header_remark(line, section)
            if remark:
                document.remarks.append(Remark("QX109", remark, number))
        elif current == section:
            key, _, value = line.partition("=")
            document.settings.append(Setting(number, key.rstrip(BLANK), value.lstrip(BLANK)))
    return document


def _header_remark(line: str, section: str) -> str:
    """What to say when a header looks like the section's and is another's."""
    name = line[1:-1]
    if line[-1] != "]":
        return f"the header is read as the section [{name}]: it must end with its bracket"
    if name != section and name.strip().lower() == section.lower():
        return f"[{name}] is another section than [{section}]"
    return ""
