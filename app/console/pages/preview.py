"""Preview: tries out schedules in the terms of each dialect, without a job."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import accumulate
from typing import Any, Final

from flask import request
from flask.typing import ResponseReturnValue

from app.api.parameters import takes
from app.console import schedule_preview
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.forms import Form, Problem
from app.console.rendering import page
from app.console.schedule_preview import SchedulePreview
from app.domain import crontab
from app.domain.role import Role
from app.errors import InvalidMember

MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "native": ("cron", "timezone", "onGap", "onOverlap"),
    "dapr": ("schedule", "dueTime", "ttl", "repeats"),
    "fusion": ("triggers",),
    "crontab": ("crontab", "timezone"),
}
"""The fields of each way to write a schedule."""

NAMES: Final = {
    "native": "Wakecall",
    "dapr": "Dapr Jobs",
    "fusion": "Fusion Jobs",
    "crontab": "crontab",
}
_EXAMPLES: Final[dict[str, dict[str, str]]] = {
    "native": {"cron": "0 30 2 ? * SUN", "timezone": "America/New_York"},
    "dapr": {"schedule": "CRON_TZ=Europe/Rome 0 30 9 * * mon-fri"},
    "fusion": {
        "triggers": json.dumps(
            [
                {"type": "cron", "enabled": True, "expression": "0 15 10 ? * MON-FRI"},
                {"type": "interval", "enabled": True, "interval": 2, "timeUnit": "hour"},
            ],
            indent=2,
        )
    },
    "crontab": {"crontab": "*/15 9-17 * * 1-5"},
}
_FIELDS: Final = tuple(dict.fromkeys(name for names in MEMBERS.values() for name in names))
_COUNTS: Final = ("5", "10", "25", "50")
_MAX_TEXT: Final = 8192
_NESTING: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_MAX_DEPTH: Final = 20
"""Levels of arrays and objects; triggers have three."""


@console.get("/preview")
@needs(Role.READER)
@takes("dialect", "after", "count", *_FIELDS)
def preview() -> ResponseReturnValue:
    """Show when a schedule fires, what clock changes do to it, and whether it may be booked."""
    sent = {name: text for name, text in request.args.items() if text}
    dialect = sent.get("dialect", "native")
    if dialect not in MEMBERS:
        raise InvalidMember(
            "dialect", "The dialect is unknown.", remedy=f"Use one of: {', '.join(MEMBERS)}."
        )
    is_example = not any(name in sent for name in MEMBERS[dialect])
    values = {**sent, **(_example(dialect) if is_example else {})}
    found, members = _preview(dialect, values)
    form = Form(values=values, problem=_of_field(found.problem, dialect))
    return page(
        "preview.html",
        # A schedule that cannot be read is an answer of this page, not a failure of it.
        status=200,
        form=form,
        dialect=dialect,
        names=NAMES,
        counts=[(each, each) for each in _COUNTS],
        found=found,
        members=members,
        is_example=is_example,
        expression=members.get("cron", ""),
        fragment="HX-Request" in request.headers,
    )


def _example(dialect: str) -> dict[str, str]:
    example = _EXAMPLES[dialect]
    return {"timezone": viewer().zone, **example} if dialect == "crontab" else dict(example)


def _preview(dialect: str, values: dict[str, str]) -> tuple[SchedulePreview, dict[str, Any]]:
    """Return the preview, and the members of the document that asks the API for it."""
    names = MEMBERS[dialect]
    members: dict[str, Any] = {name: values[name] for name in names if values.get(name)}
    count = values.get("count", "")
    try:
        if dialect == "fusion":
            members["triggers"] = _json(members.get("triggers", ""))
        if "repeats" in members:
            members["repeats"] = _whole(members["repeats"])
        if dialect == "crontab":
            members["cron"], _ = crontab.split(members.pop("crontab"))
    except InvalidMember as error:
        return schedule_preview.failed(error), {}
    if dialect not in {"native", "crontab"}:
        members["dialect"] = dialect
    if values.get("after"):
        members["after"] = values["after"]
    number = int(count) if count in _COUNTS else int(_COUNTS[0])
    return schedule_preview.preview(members, count=number), members


def _of_field(problem: Problem | None, dialect: str) -> Problem | None:
    """Return the problem with the field that the page has for it."""
    if problem is None or dialect != "crontab" or problem.field != "cron":
        return problem
    return replace(problem, field="crontab")


def _json(text: str) -> Any:  # noqa: ANN401 - whatever the text holds
    if len(text) > _MAX_TEXT:
        raise InvalidMember(
            "triggers",
            f"The triggers have {len(text)} characters.",
            remedy=f"Give at most {_MAX_TEXT} characters.",
        )
    if max(accumulate(_NESTING.get(each, 0) for each in text), default=0) > _MAX_DEPTH:
        raise InvalidMember(
            "triggers", "The triggers are nested too deeply.", remedy="Give an array of triggers."
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMember(
            "triggers", f"The triggers are not JSON: {error}.", remedy="Give an array of triggers."
        ) from None


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else text  # noqa: PLR2004 - as many as the API reads
