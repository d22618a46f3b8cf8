"""XML as configuration: the children of the ``<uwsgi>`` element, wherever in the document it is.

An empty element is a flag and stands for ``1``; only the text before a comment or a child counts,
as in uWSGI.  ``id`` chooses among several ``<uwsgi>``, otherwise the first one counts.  An
``<app mountpoint="/x">`` becomes a ``mount``.  Document types and entities are refused, since
they read files and exhaust memory; so is deep nesting.
"""

from xml.parsers import expat

from quaich.config.document import MAX_DEPTH, MAX_VALUES, Document, Malformed, Setting

_APP_CHILDREN = ("module", "file", "script", "wsgi-file")


class _Reader:
    """Follows the parser's events; ``root_depth`` is where the chosen element lies, or 0."""

    def __init__(self, section: str, named: bool) -> None:
        self.document = Document()
        self.section = section
        self.named = named
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.CommentHandler = self.comment
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.depth = 0
        self.root_depth = 0
        self.value: list[str] | None = None
        self.line = 0
        self.mountpoint: str | None = None
        self.sealed = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.malformed("nested too deeply", "QX141")
        if not self.root_depth:
            if name == "uwsgi" and not self.document.found and self.chooses(attributes):
                self.root_depth = self.depth
                self.document.found = True
            return
        if self.depth == self.root_depth + 1 and name == "app":
            self.mountpoint = attributes.get("mountpoint", "/")
            return
        within_app = self.mountpoint is not None and self.depth == self.root_depth + 2
        if self.depth == self.root_depth + 1 or within_app:
            self.value = []
            self.line = self.parser.CurrentLineNumber
            self.sealed = False
        else:
            self.seal()

    def chooses(self, attributes: dict[str, str]) -> bool:
        return not self.named or attributes.get("id") == self.section

    def end(self, name: str) -> None:
        self.depth -= 1
        if not self.root_depth:
            return
        if self.depth < self.root_depth:
            self.root_depth = 0
        elif self.depth == self.root_depth and self.mountpoint is not None and name == "app":
            self.mountpoint = None
        elif self.value is not None and self.depth <= self.root_depth + 1:
            self.setting(name, "".join(self.value) or "1")
            self.value = None

    def setting(self, name: str, value: str) -> None:
        if self.mountpoint is not None:
            if name not in _APP_CHILDREN:
                return
            name, value = "mount", f"{self.mountpoint or '/'}={value}"
        self.document.settings.append(Setting(self.line, name, value))
        if len(self.document.settings) > MAX_VALUES:
            raise self.malformed("too many values", "QX141")

    def text(self, data: str) -> None:
        if self.value is not None and not self.sealed:
            self.value.append(data)

    def comment(self, data: str) -> None:
        if self.value:
            self.seal()

    def seal(self) -> None:
        self.sealed = True

    def doctype(self, *declaration: object) -> None:
        raise self.malformed("a document type declaration is not allowed here", "QX145")

    def malformed(self, message: str, code: str = "QX129") -> Malformed:
        parser = self.parser
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        return Malformed(message, line, column, code)


def read(text: str, section: str, named: bool) -> Document:
    """The settings of the element; ``named`` is whether a section was asked for by its id."""
    reader = _Reader(section, named)
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Malformed(
            f"malformed XML: {expat.ErrorString(error.code)}", error.lineno, error.offset + 1
        ) from None
    except ValueError as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(f"malformed XML: {error}", 1) from None
    if not reader.document.found and not named:
        raise Malformed("expected an element <uwsgi>", 1)
    return reader.document
