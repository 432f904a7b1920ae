"""Navigation: the pages that the header of every page links to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import current_app, request

from app.api import path_prefix
from app.console import cookies, used_endpoints
from app.console.blueprint import PREFIX

START: Final = "/start"
ENDPOINTS: Final = "/endpoints"
_PATHS: Final = "wakecall.console_paths"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A page in the navigation."""

    name: str
    path: str
    """Below the prefix of the console."""
    key: str = ""
    """The key that goes there, after `g`."""
    operator: bool = False
    """Whether only the operator of the service sees it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """An entry as this page shows it."""

    name: str
    url: str
    key: str
    current: bool


GROUPS: Final[dict[str, tuple[Entry, ...]]] = {
    "Calls": (
        Entry(name="Overview", path="/", key="o"),
        Entry(name="Jobs", path="/jobs", key="j"),
        Entry(name="Runs", path="/runs", key="r"),
        Entry(name="Upcoming", path="/upcoming", key="u"),
        Entry(name="Inbox", path="/inbox", key="i"),
        Entry(name="Preview", path="/preview", key="p"),
    ),
    "Account": (
        Entry(name="First call", path=START, key="s"),
        Entry(name="Keys", path="/keys", key="k"),
        Entry(name="Secrets", path="/secrets"),
        Entry(name="Endpoints", path=ENDPOINTS, key="e"),
        Entry(name="Members", path="/members", key="m"),
        Entry(name="Audit log", path="/audit"),
        Entry(name="Account", path="/account", key="a"),
    ),
    "Service": (Entry(name="Operator", path="/admin", operator=True),),
}


def groups(*, is_operator: bool) -> dict[str, list[Link]]:
    """Return the entries whose pages this application has, by the name of their group."""
    found = {}
    for name, entries in GROUPS.items():
        links = [
            _link(each)
            for each in entries
            if has(each.path) and (is_operator or not each.operator) and not _is_hidden(each)
        ]
        if links:
            found[name] = links
    return found


def has(path: str) -> bool:
    """Whether this application has a page at this path, below the prefix of the console."""
    return f"{PREFIX}{path}" in _known_paths()


def _is_hidden(entry: Entry) -> bool:
    """Whether the person dismissed the page, or the account has nothing that it shows."""
    if entry.path == START:
        return cookies.read(cookies.START_DISMISSED) is not None
    return entry.path == ENDPOINTS and not used_endpoints.has_any()


def _link(entry: Entry) -> Link:
    path = f"{PREFIX}{entry.path}"
    is_below = entry.path != "/" and request.path.startswith(f"{path}/")
    return Link(
        name=entry.name,
        url=path_prefix.add(path),
        key=entry.key,
        current=request.path == path or is_below,
    )


def _known_paths() -> frozenset[str]:
    """Return the paths of all routes that have no variable part; found once per application."""
    extensions = current_app.extensions
    if _PATHS not in extensions:
        rules = current_app.url_map.iter_rules()
        extensions[_PATHS] = frozenset(each.rule for each in rules if not each.arguments)
    found: frozenset[str] = extensions[_PATHS]
    return found
