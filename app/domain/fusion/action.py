"""Action: what can be asked of a job besides its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from app.domain.checks import quoted
from app.domain.fusion import document
from app.errors import InvalidMember


class Action(StrEnum):
    """What a job is asked to do."""

    START = "start"
    ABORT = "abort"


def read(members: Mapping[str, Any]) -> Action:
    """The action in a document, in any case; what else it says, a comment, counts for nothing.

    Raises InvalidMember.
    """
    remedy = f"Say {' or '.join(quoted(each) for each in Action)}."
    given = document.given(members, "action", path="action", remedy=remedy)
    text = document.text("action", given)
    if text.lower() not in set(Action):
        raise InvalidMember("action", f"There is no action {quoted(text)}.", remedy=remedy)
    return Action(text.lower())
