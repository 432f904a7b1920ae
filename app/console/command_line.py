"""Command line: the command of `wakecall` that books a job. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.console.booking_form import RETRIES
from app.domain import instants

_OPTIONS: Final[Mapping[str, str]] = {
    "when": "--at",
    "cron": "--cron",
    "timezone": "--tz",
    "onGap": "--on-gap",
    "onOverlap": "--on-overlap",
    "name": "--name",
    "method": "--method",
    "contentType": "--content-type",
    "data": "--data",
    "timeout": "--call-timeout",
    "misfire": "--misfire",
    "onSuccess": "--on-success",
    "onFailure": "--on-failure",
}
"""The options that take a member's value as it is."""

_OTHERS: Final = frozenset({"url", "headers", "tags", "enabled", "retry"})
_BREAK: Final = " \\\n  "


def book(document: Mapping[str, Any]) -> str:
    """Return the command that books the document, for a shell.

    `wakecall book` has no options for some members; then `wakecall api` sends the document as it
    is.
    """
    if not _is_expressible(document):
        body = json.dumps(document, ensure_ascii=False, indent=2)
        return _BREAK.join(["wakecall api POST /1/jobs", f"-d {shlex.quote(body)}"])
    return _BREAK.join([f"wakecall book {shlex.quote(document['url'])}", *_options(document)])


def _is_expressible(document: Mapping[str, Any]) -> bool:
    retry = document.get("retry")
    return (
        document.keys() <= _OPTIONS.keys() | _OTHERS
        and bool(document.keys() & {"when", "cron"})
        and str(document.get("url", "-"))[:1] not in {"", "-"}
        and (retry is None or retry in RETRIES.values())
        and isinstance(document.get("headers", {}), Mapping)
        # The command takes spaces off the ends of a header's value.
        and all(str(value) == str(value).strip() for value in document.get("headers", {}).values())
    )


def _options(document: Mapping[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        if name == "when" and "timezone" not in document and instants.is_local(str(value)):
            # The command would read it in the zone of its machine.
            yield _option("--at", f"{value}Z")
        elif name in _OPTIONS:
            yield _option(_OPTIONS[name], str(value))
        elif name == "headers":
            for header, text in value.items():
                yield _option("--header", f"{header}: {text}")
        elif name == "tags":
            for tag in value:
                yield _option("--tag", tag)
        elif name == "retry":
            yield f"--retry {next(each for each, policy in RETRIES.items() if policy == value)}"
        elif name == "enabled" and value is False:
            yield "--paused"


def _option(name: str, value: str) -> str:
    """Return an option; a value like an option is bound to its name, so that it is not one."""
    return (
        f"{name}={shlex.quote(value)}" if value.startswith("-") else f"{name} {shlex.quote(value)}"
    )
