"""Schemas: tasks, schedules, actions and statuses of Fusion jobs."""

from __future__ import annotations

from typing import Final

from app.api.fusion import schedule_document, task_document, trigger_document
from app.api.openapi import problem_answers
from app.api.openapi.schemas import (
    FLAG,
    INSTANT,
    TEXT,
    UUID,
    Schema,
    always,
    answered,
    maybe,
    one_of,
    ref,
)
from app.domain.call_options import MAX_HEADERS
from app.domain.fusion.action import Action
from app.domain.fusion.intervals import MAX_UNITS, Unit
from app.domain.fusion.resource import MAX_ID, Kind
from app.domain.fusion.status import Status
from app.domain.instants import MAX_INSTANT

RESOURCE: Final[Schema] = {
    "type": "string",
    "pattern": f"^(?:{'|'.join(Kind)}):.{{1,{MAX_ID}}}$",
    "description": "A job: its type, a colon and its id.",
}
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
_FLAG: Final[Schema] = {"type": ["boolean", "string"], "description": "true or false."}
_TIME: Final[Schema] = {**TEXT, "maxLength": MAX_INSTANT, "description": "An instant, ISO 8601."}
_OF_PARTS: Final[dict[str, Schema]] = {
    "enabled": _FLAG,
    "expression": {**TEXT, "description": "A Quartz cron expression."},
    "startTime": _TIME,
    "endTime": _TIME,
    "interval": {
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": MAX_UNITS,
        "description": "The number of units between two runs.",
    },
    "timeUnit": {
        **TEXT,
        "examples": [str(each) for each in Unit],
        "description": f"One of {', '.join(Unit)}, in any case, also in the plural.",
    },
    "otherJob": RESOURCE,
    "triggerType": {
        **TEXT,
        "examples": list(trigger_document.ENDS),
        "description": f"After what to run: one of {', '.join(trigger_document.ENDS)}.",
    },
    "runOnSuccess": _FLAG,
    "runOnFailure": _FLAG,
    "runOnAbort": _FLAG,
}


def _trigger() -> Schema:
    """Every member of any type of trigger: a client may send those of other types empty."""
    members = {
        name: _OF_PARTS[part.name]
        for parts in trigger_document.PARTS.values()
        for name, part in parts.items()
    }
    kinds = ", ".join(trigger_document.PARTS)
    about = {**TEXT, "description": f"One of {kinds}, in any case."}
    return {
        "type": "object",
        "description": "When a job runs: by an expression, at an interval, or after another job.",
        "required": ["type"],
        "properties": {"type": about, **members},
    }


def _schedule() -> Schema:
    of: dict[str, Schema] = {
        "resource": RESOURCE,
        "enabled": {**_FLAG, "description": "Whether the schedule applies; true if absent."},
        "triggers": {
            "type": "array",
            "items": ref("Trigger"),
            "maxItems": schedule_document.MAX_TRIGGERS,
        },
        "default": _FLAG,
    }
    return {
        "type": "object",
        "description": "The whole schedule of a job. Further members are kept and shown.",
        "required": ["triggers"],
        "properties": {name: of[name] for name in schedule_document.MEMBERS},
        "additionalProperties": {},
    }


def _task() -> Schema:
    of_params: dict[str, Schema] = {
        "uri": {**TEXT, "description": "The URL to call: http or https, a public address."},
        "method": {
            **TEXT,
            "examples": [each.lower() for each in task_document.METHODS],
            "description": f"One of {', '.join(task_document.METHODS)}, in any case.",
        },
        "queryParams": {**_TEXTS, "description": "Added to the query of the URL."},
        "headers": {**_TEXTS, "description": f"At most {MAX_HEADERS} headers."},
        "entity": {**TEXT, "description": f"The body, at most {task_document.MAX_ENTITY} bytes."},
    }
    params: Schema = {
        "type": "object",
        "description": "The call.",
        "required": ["uri", "method"],
        "properties": {name: of_params[name] for name in task_document.PARAMS},
        "additionalProperties": False,
    }
    of: dict[str, Schema] = {
        "id": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]+$",
            "maxLength": task_document.MAX_ID,
            "description": "Its id; with PUT that of the address, or absent.",
        },
        "type": {"const": task_document.TYPE},
        "callParams": params,
        "hidden": {**_FLAG, "description": "Kept and shown."},
    }
    return {
        "type": "object",
        "description": "An HTTP call that a job of the type `task` makes.",
        "required": ["type", "callParams"],
        "properties": {name: of[name] for name in task_document.MEMBERS},
        "additionalProperties": False,
    }


_STATUS: Final = answered(
    "Where a job stands.",
    {
        "resource": always(RESOURCE, "The job."),
        "enabled": always(FLAG, "Whether its schedule applies."),
        "startedBy": maybe(TEXT, "What started its newest run."),
        "status": maybe(one_of(Status), "The status of its newest run; absent if it never ran."),
        "extra": maybe(
            answered(
                "More about it.",
                {
                    "message": maybe(TEXT, "Why the newest run ended as it did."),
                    "missing": maybe(
                        {"type": "array", "items": TEXT}, "The jobs that it follows in vain."
                    ),
                    "warning": maybe(TEXT, "The same in a sentence."),
                },
            ),
            "More about it.",
        ),
        "lastStartTime": maybe(INSTANT, "When its newest run started."),
        "lastEndTime": maybe(INSTANT, "When it ended."),
        "nextStartTime": maybe(INSTANT, "When it runs next."),
    },
)
_RUN: Final = answered(
    "A run of a job.",
    {
        "resource": always(RESOURCE, "The job."),
        "runId": always(UUID, "The run."),
        "startTime": always(INSTANT, "When it started."),
        "endTime": maybe(INSTANT, "When it ended."),
        "status": always(one_of(Status), "Its status."),
        "extra": maybe(
            answered("More about it.", {"message": always(TEXT, "Why it ended as it did.")}),
            "More about it.",
        ),
    },
)
_ACTION: Final[Schema] = {
    "type": "object",
    "description": "What is asked of a job. Further members, as a comment, are ignored.",
    "required": ["action"],
    "properties": {
        "action": {
            **TEXT,
            "examples": [str(each) for each in Action],
            "description": f"One of {', '.join(Action)}, in any case.",
        }
    },
    "additionalProperties": {},
}
_RESULT: Final = answered(
    "Whether an action was accepted.",
    {
        "resource": always(RESOURCE, "The job."),
        "action": always(one_of(Action), "The action."),
        "accepted": always(FLAG, "Whether it was accepted."),
        "message": always(TEXT, "The same in words."),
    },
)


def schemas() -> dict[str, Schema]:
    """The schemas by name."""
    return {
        "Task": _task(),
        "Tasks": {"type": "array", "items": ref("Task"), "description": "Tasks."},
        "Trigger": _trigger(),
        "Schedule": _schedule(),
        "JobStatus": _STATUS,
        "JobStatuses": {"type": "array", "items": ref("JobStatus"), "description": "Jobs."},
        "Runs": {"type": "array", "items": _RUN, "description": "Runs, the newest first."},
        "Action": _ACTION,
        "ActionResult": _RESULT,
        problem_answers.PROBLEM: problem_answers.SCHEMA,
    }
