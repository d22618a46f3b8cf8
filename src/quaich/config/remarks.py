"""Small judgements about what was written: comments in values, quotes, stray commas, places."""

from quaich.patterns import pattern

_TRAILING_COMMENT = pattern(r"[ \t][;#]")
_POSITION = pattern(r"(:[0-9]+){1,2}$")


def shorten(text: str) -> str:
    """A text at a length that a message can bear."""
    return text if len(text) <= 60 else f"{text[:60]}..."


def of_text(text: str) -> tuple[str, str]:
    """What is suspicious about the text of a value, and its code."""
    if _TRAILING_COMMENT.search(text):
        remark = "the comment is part of the value; a comment must stand on a line of its own"
        return remark, "QX120"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "the quotes are part of the value", "QX121"
    # "=0" is how a shared socket is named.
    if text.endswith(",") or (text.startswith("=") and not text[1:].isdecimal()):
        return f"the {'comma' if text[-1] == ',' else 'second ='} is part of the value", "QX133"
    return "", ""


def file_of(place: str) -> str:
    """The file of a place such as ``site.ini:12``."""
    return _POSITION.sub("", place)
