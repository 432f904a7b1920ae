"""TOML file: a job as `wakecall.toml` holds it, which `wakecall apply` books. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

UNNAMED: Final = "my-job"
"""Names the job in the file if it has no name."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = str.maketrans(
    {chr(code): f"\\u{code:04x}" for code in (*range(0x20), 0x7F)}
    | {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
)
_SOURCES: Final = frozenset({"env", "file"})
"""Members of a table that stands for a value of the environment or a file."""

_SET: Final = "console"
_UNKNOWN: Final = frozenset({"name", "when"})


def render(account: str, document: Mapping[str, Any]) -> str:
    """Return the file with one job; empty if the file cannot hold the job.

    It holds recurring jobs only, and takes a table with `env` or `file` for a reference.
    """
    if "cron" not in document or _has_source(document):
        return ""
    name = document.get("name") or UNNAMED
    members = [
        f"{key(each)} = {value(given)}"
        for each, given in document.items()
        if each not in _UNKNOWN and given is not None
    ]
    head = ["version = 1", f"account = {text(account)}", f"set = {text(_SET)}"]
    head += ["", f"[jobs.{key(name)}]"]
    return "\n".join([*head, *members, ""])


def key(name: str) -> str:
    """Return a key: bare if its characters allow that."""
    return name if _BARE.fullmatch(name) else text(name)


def text(given: str) -> str:
    """Return a basic string (TOML 1.0, String)."""
    return f'"{given.translate(_ESCAPES)}"'


def value(given: Any) -> str:  # noqa: ANN401 - any value of a JSON document
    """Return a value of a JSON document as the command reads it; objects are inline tables."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        # The command replaces ${name} by a variable, and $$ by a dollar sign.
        return text(given.replace("$", "$$"))
    if isinstance(given, Mapping):
        pairs = (f"{key(name)} = {value(each)}" for name, each in given.items())
        return "{ " + ", ".join(pairs) + " }" if given else "{}"
    if isinstance(given, list | tuple):
        return "[" + ", ".join(value(each) for each in given) + "]"
    return repr(given)


def _has_source(given: Any) -> bool:  # noqa: ANN401 - any value of a JSON document
    if isinstance(given, Mapping):
        return not _SOURCES.isdisjoint(given) or any(map(_has_source, given.values()))
    return isinstance(given, list | tuple) and any(map(_has_source, given))
