"""Previews: the dialects in which a schedule can be previewed, each offered by its own room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Flask, current_app

from app.domain.checks import quoted
from app.domain.preview import Preview
from app.errors import InvalidMember

_OFFERED: Final = "wakecall.previews"


@dataclass(frozen=True, kw_only=True, slots=True)
class Previewer:
    """How one dialect previews: the members it knows, and what it makes of those given.

    `preview` takes the members as they came (JSON values, with numbers as text; from XML all are
    text), the instant to count from and how many firings to list. It raises InvalidMember for
    what cannot be read; what may merely not be booked is among the reasons.
    """

    name: str
    members: tuple[str, ...]
    preview: Callable[[Mapping[str, Any], datetime, int], Preview]


def offer(app: Flask, dialect: Previewer) -> None:
    """Let this application preview in a dialect."""
    app.extensions.setdefault(_OFFERED, {})[dialect.name] = dialect


def find(name: str) -> Previewer:
    """The dialect of that name; raises InvalidMember."""
    offered: dict[str, Previewer] = current_app.extensions[_OFFERED]
    if name not in offered:
        raise InvalidMember(
            "dialect",
            f"There is no dialect {quoted(name)}.",
            remedy=f"Use {' or '.join(quoted(each) for each in offered)}.",
        )
    return offered[name]
