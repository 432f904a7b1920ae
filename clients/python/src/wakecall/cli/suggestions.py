"""Suggestions: which command a person may have meant by a word that is not one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

import click

_ROOT: Final = "wakecall"
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("ls", "jobs", "keys", "inboxes", "secrets", "apps", "runners"), ("list",)),
    **dict.fromkeys(("show", "describe", "view", "info"), ("get", "calls")),
    **dict.fromkeys(("runs", "history", "log", "logs"), ("list",)),
    **dict.fromkeys(("delete", "remove", "del", "cancel", "rm"), ("rm", "revoke")),
    **dict.fromkeys(("create", "add", "new", "schedule", "call"), ("book", "create", "set")),
    **dict.fromkeys(("update", "edit", "change"), ("set",)),
    **dict.fromkeys(("retry", "resend", "replay", "redrive"), ("redeliver",)),
    **dict.fromkeys(("trigger", "start", "now"), ("fire", "resume")),
    **dict.fromkeys(("unpause", "enable", "continue"), ("resume",)),
    **dict.fromkeys(("stop", "disable", "suspend"), ("pause",)),
    **dict.fromkeys(("tail", "follow"), ("watch", "listen")),
    **dict.fromkeys(("tunnel", "forward"), ("listen",)),
    **dict.fromkeys(("diff", "check"), ("plan",)),
    **dict.fromkeys(("deploy", "sync"), ("apply",)),
    **dict.fromkeys(("export",), ("pull",)),
    **dict.fromkeys(("config", "auth", "init"), ("login",)),
    **dict.fromkeys(("health", "ping", "limits", "usage"), ("status",)),
    **dict.fromkeys(("console", "docs", "web"), ("open",)),
}
"""Words of other tools, and the names of the commands that do this here, the likeliest first."""

_GROUPS: Final[Mapping[str, str]] = {
    "jobs": "job",
    "runs": "run",
    "history": "run",
    "log": "run",
    "logs": "run",
    "keys": "key",
    "inboxes": "inbox",
    "secrets": "secret",
    "apps": "app",
    "runners": "runner",
}
"""The group that a word names by itself."""


def unknown_command(context: click.Context, word: str) -> str:
    """Return what to print of a word in the place of a command, with what may have been meant."""
    shown = f"There is no command {word!r}."
    found = suggest(context.find_root(), context.command_path.partition(" ")[2], word)
    if not found:
        return f"{shown} `{context.command_path} --help` lists the commands."
    return f"{shown} Did you mean {' or '.join(f'`{_ROOT} {each}`' for each in found)}?"


def suggest(root: click.Context, group: str, word: str) -> list[str]:
    """Return the commands that `word` may mean in a group, by their words behind `wakecall`."""
    word = word.lower()
    if word == "help":
        return [f"{group} --help".strip()]
    paths = list(_paths(root))
    names = _SYNONYMS.get(word, (word,))
    found = [each for name in names for each in paths if each.split()[-1] == name]
    wanted = group or _GROUPS.get(word, "")
    own = [each for each in found if wanted and each.split()[0] == wanted]
    if group == "job":
        # `wakecall book` is looked for among the commands about jobs.
        return list(dict.fromkeys([*own[:1], *found[:1]])) or _close(paths, group, word)
    return (own or found)[:1] or _close(paths, group, word)


def _close(paths: list[str], group: str, word: str) -> list[str]:
    """Return the command of the group that is spelled most like the word."""
    siblings = {each.removeprefix(group).split()[0]: each for each in paths if _is_in(each, group)}
    close = get_close_matches(word, siblings, n=1)
    return [f"{group} {each}".strip() for each in close]


def _is_in(path: str, group: str) -> bool:
    return not group or path.startswith(f"{group} ")


def _paths(root: click.Context) -> Iterator[str]:
    """Yield the commands that are not groups, in the order of the help."""
    command = root.command
    names = command.list_commands(root) if isinstance(command, click.Group) else ()
    for name in names:
        found = command.get_command(root, name) if isinstance(command, click.Group) else None
        if isinstance(found, click.Group):
            yield from (f"{name} {each}" for each in sorted(found.commands))
        else:
            yield name
