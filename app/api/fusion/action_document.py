"""The documents of an action: what a client asks of a job, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.fusion import json_reader
from app.domain.checks import quoted
from app.domain.fusion.action import Action, ActionResult
from app.errors import InvalidMember


def parse(members: Mapping[str, Any]) -> Action:
    """The action in a document, in upper or lower case; other members, as a comment, are ignored.

    Raises InvalidMember.
    """
    remedy = f"Use {' or '.join(quoted(each) for each in Action)}."
    given = json_reader.require(members, "action", path="action", remedy=remedy)
    text = json_reader.read_text("action", given)
    if text.lower() not in set(Action):
        raise InvalidMember("action", f"{quoted(text)} is not an action.", remedy=remedy)
    return Action(text.lower())


def render(result: ActionResult) -> dict[str, Any]:
    """The answer to an action; what was accepted is worded as Fusion words it."""
    return {
        "resource": str(result.resource),
        "action": str(result.action),
        "accepted": result.accepted,
        "message": _message(result),
    }


def _message(result: ActionResult) -> str:
    match result.action, result.accepted:
        case Action.START, True:
            return f"Started job {result.resource}"
        case Action.ABORT, True:
            return f"Aborted job {result.resource}"
        case Action.START, _:
            return f"The job {result.resource} is running already, as run {result.running}."
        case _:
            return f"The job {result.resource} is not running."
