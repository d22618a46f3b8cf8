"""Options that a configuration declares: ``declare-option = name=template;template``.

Each template is ``option=value``.  ``$1`` to ``$9`` stand for the words of the value that the
declared option is given; those for which there is no word stay as they are, as in uWSGI.
"""

from collections.abc import Iterator


def instances(templates: str, value: str) -> Iterator[tuple[str, str]]:
    """The options that one use of a declared option stands for."""
    words = [word for word in value.split(" ") if word][:9] or [""]
    for template in templates.split(";"):
        key, _, text = template.partition("=")
        if not key:
            continue
        for number, word in enumerate(words, 1):
            text = text.replace(f"${number}", word)
        yield key, text
