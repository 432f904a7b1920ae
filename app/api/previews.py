"""Previews: the dialects whose schedules can be previewed; each dialect registers its own."""

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
    """The preview function of one dialect, and the `members` that it accepts.

    `preview` takes the members as sent, the instant to count from and the number of firings to
    list. Members are JSON values with numbers as text; from XML, all are text. It raises
    InvalidMember for members that cannot be parsed. A schedule that can be parsed but not booked
    gives a Preview with the reasons.
    """

    name: str
    members: tuple[str, ...]
    preview: Callable[[Mapping[str, Any], datetime, int], Preview]


def offer(app: Flask, dialect: Previewer) -> None:
    """Register the previews of a dialect in this application."""
    app.extensions.setdefault(_OFFERED, {})[dialect.name] = dialect


def find(name: str) -> Previewer:
    """Return the previewer of the dialect with this name; raises InvalidMember."""
    offered: dict[str, Previewer] = current_app.extensions[_OFFERED]
    if name not in offered:
        raise InvalidMember(
            "dialect",
            f"There is no dialect {quoted(name)}.",
            remedy=f"Use {' or '.join(quoted(each) for each in offered)}.",
        )
    return offered[name]
