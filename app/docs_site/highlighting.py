"""Highlighting: marks up code with the classes of Pygments, which docs.css colours."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_NAMES: Final = {"sh": "bash", "shell": "bash", "jsonc": "json", "js": "javascript"}
_LABELS: Final = {
    "sh": "Shell",
    "bash": "Shell",
    "console": "Shell",
    "python": "Python",
    "js": "JavaScript",
    "javascript": "JavaScript",
    "ts": "TypeScript",
    "typescript": "TypeScript",
    "json": "JSON",
    "xml": "XML",
    "http": "HTTP",
    "sql": "SQL",
    "toml": "TOML",
    "yaml": "YAML",
    "go": "Go",
    "ruby": "Ruby",
    "php": "PHP",
    "nginx": "nginx",
    "crontab": "crontab",
    "text": "",
    "": "",
}
_FORMATTER: Final = HtmlFormatter(nowrap=True)
_MAX_CHARACTERS: Final = 20_000
"""Longer code is shown without colours: lexers take time that grows with the text."""


def code_html(text: str, language: str) -> str:
    """Return the code as HTML; code of an unknown language is escaped only."""
    lexer = _lexer(language, text)
    if lexer is None or len(text) > _MAX_CHARACTERS:
        return str(escape(text))
    html: str = highlight(text, lexer, _FORMATTER)
    return html


def label_of(language: str) -> str:
    """Return the name of a language, as it is shown; empty for plain text."""
    return _LABELS.get(language, language)


def guess(text: str) -> str:
    """Return the language of a block that names none, as the indented ones do."""
    start = text.lstrip()
    if start.startswith("$ "):
        return "console"
    if re.match(r"[{\[]\s*[\"{}\[\]\n…]", start):
        return "json"
    return "xml" if re.match(r"<\w+>", start) else "text"


def _lexer(language: str, text: str) -> Lexer | None:
    name = _NAMES.get(language, language)
    if name == "php" and "<?php" not in text:
        return get_lexer_by_name("php", startinline=True)
    try:
        return get_lexer_by_name(name)
    except ClassNotFound:
        return None
