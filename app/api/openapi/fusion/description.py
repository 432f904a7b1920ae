"""Description: the Fusion Jobs API as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from app.api import negotiation, pages
from app.api.fusion import prefixes, task_document, wire
from app.api.openapi.assemble import Description
from app.api.openapi.fusion.schemas import RESOURCE, schemas
from app.api.openapi.native import examples as native_examples
from app.api.openapi.native.description import SECURITY_SCHEMES
from app.api.openapi.operations import Answer, Body, Content, Example, Operation, Parameter, Tag
from app.api.openapi.schemas import TEXT, ref
from app.domain.fusion.resource import Kind
from app.errors import Conflict, LimitReached, NotFound, TooLarge

VERSION: Final = "1"

_ABOUT: Final = """\
The Jobs API of Fusion 5: schedules of jobs, their status and history, and tasks, which are jobs
that make an HTTP call.

All paths are also offered below `/api/apollo`. A path below `/apps/{app}` is about the jobs of one
app. Unknown parameters are ignored. Errors are problem documents (RFC 9457).
"""
_JOBS: Final = Tag(name="jobs", about="Schedule, start and abort jobs, and see where they stand.")
_TASKS: Final = Tag(name="tasks", about="The HTTP calls that jobs of the type `task` make.")

_RESOURCE: Final = {
    "resource": Parameter(schema=RESOURCE, about="A job, percent-encoded.", example="task:clean-up")
}
_TASK_ID: Final = {
    "task_id": Parameter(
        schema={**TEXT, "pattern": "^[A-Za-z0-9_-]+$", "maxLength": task_document.MAX_ID},
        about="The id of a task.",
        example="clean-up",
    )
}
_APP: Final = Parameter(
    schema={**TEXT, "minLength": 1}, about="The name of an app of Fusion.", example="films"
)
_PAGE: Final = {
    wire.LIMIT: Parameter(
        schema={"type": "integer", "minimum": 1, "maximum": pages.MAX_LIMIT},
        about="The most elements of the page.",
    ),
    pages.CURSOR: Parameter(schema=TEXT, about="Where the page begins: taken from `Link`."),
}

TASK: Final = {
    "id": "clean-up",
    "type": task_document.TYPE,
    "callParams": {
        "uri": "https://example.com/clean-up",
        "method": "post",
        "headers": {"X-Shop": "7"},
        "entity": "{}",
    },
}
SCHEDULE: Final = {
    "resource": "task:clean-up",
    "enabled": True,
    "triggers": [
        {"type": "cron", "expression": "0 15 10 ? * MON-FRI", "enabled": True},
        {"type": "interval", "interval": 15, "timeUnit": "minute"},
        {"type": "job_completion", "otherJob": "spark:rollup", "triggerType": "on_success"},
    ],
}
_STATUS: Final = {
    "resource": "task:clean-up",
    "enabled": True,
    "startedBy": "schedule",
    "status": "success",
    "lastStartTime": "2026-11-22T09:30:00.000Z",
    "lastEndTime": "2026-11-22T09:30:00.034Z",
    "nextStartTime": "2026-11-23T09:15:00.000Z",
}
_RUN: Final = {
    "resource": "task:clean-up",
    "runId": native_examples.RUN_ID,
    "startTime": "2026-11-22T09:30:00.000Z",
    "endTime": "2026-11-22T09:30:00.034Z",
    "status": "success",
}
_RESULT: Final = {
    "resource": "task:clean-up",
    "action": "start",
    "accepted": True,
    "message": "Started job task:clean-up",
}


def _content(schema: str, **examples: Any) -> dict[str, Content]:  # noqa: ANN401 - a JSON value
    named = {name: Example(value=value) for name, value in examples.items()}
    return {negotiation.JSON: Content(schema=ref(schema), examples=named)}


def _sent(schema: str, **examples: Any) -> Body:  # noqa: ANN401 - a JSON value
    return Body(content=_content(schema, **examples), about="Read as JSON, whatever its type.")


def _shown(schema: str, about: str, *headers: str, **examples: Any) -> tuple[Answer, ...]:  # noqa: ANN401 - a JSON value
    return (Answer(status=200, about=about, content=_content(schema, **examples), headers=headers),)


_GONE: Final = (Answer(status=204, about="It is deleted."),)

_OF_JOBS: Final = (
    Operation(
        endpoint="fusion.list_jobs",
        method="GET",
        path="/jobs",
        id="list_jobs",
        tag=_JOBS.name,
        summary="List the status of jobs",
        parameters={
            "type": Parameter(
                schema={"type": "array", "items": {"enum": [str(each) for each in Kind]}},
                about="Only jobs of these types.",
            ),
            **_PAGE,
        },
        answers=_shown("JobStatuses", "A page of jobs.", "Link?", one=[_STATUS]),
    ),
    Operation(
        endpoint="fusion.get_job",
        method="GET",
        path="/jobs/{resource}",
        id="get_job",
        tag=_JOBS.name,
        summary="Show the status of a job",
        parameters=_RESOURCE,
        answers=_shown("JobStatus", "The job.", one=_STATUS),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="fusion.delete_job",
        method="DELETE",
        path="/jobs/{resource}",
        id="delete_job",
        tag=_JOBS.name,
        summary="Delete a job with its schedule and its task",
        parameters=_RESOURCE,
        answers=_GONE,
        problems=(NotFound,),
    ),
    Operation(
        endpoint="fusion.get_history",
        method="GET",
        path="/jobs/{resource}/history",
        id="get_history",
        tag=_JOBS.name,
        summary="List the runs of a job",
        about="The newest first, the one under way included.",
        parameters={
            **_RESOURCE,
            wire.LIMIT: Parameter(
                schema={"type": "integer", "minimum": 1, "default": wire.DEFAULT_LISTED},
                about=f"How many runs; at most {wire.MAX_LISTED} are listed.",
            ),
        },
        answers=_shown("Runs", "The runs.", one=[_RUN]),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="fusion.get_schedule",
        method="GET",
        path="/jobs/{resource}/schedule",
        id="get_schedule",
        tag=_JOBS.name,
        summary="Show the schedule of a job",
        parameters=_RESOURCE,
        answers=_shown("Schedule", "The schedule as it was sent.", saved=SCHEDULE),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="fusion.put_schedule",
        method="PUT",
        path="/jobs/{resource}/schedule",
        id="put_schedule",
        tag=_JOBS.name,
        summary="Replace the whole schedule of a job",
        parameters=_RESOURCE,
        body=_sent("Schedule", three_triggers=SCHEDULE),
        answers=_shown("Schedule", "The schedule as it was sent.", saved=SCHEDULE),
        problems=(NotFound, Conflict, LimitReached),
    ),
    Operation(
        endpoint="fusion.delete_schedule",
        method="DELETE",
        path="/jobs/{resource}/schedule",
        id="delete_schedule",
        tag=_JOBS.name,
        summary="Remove the schedule of a job",
        about="The job stays, and can be started.",
        parameters=_RESOURCE,
        answers=_GONE,
        problems=(NotFound,),
    ),
    Operation(
        endpoint="fusion.act",
        method="POST",
        path="/jobs/{resource}/actions",
        id="act",
        tag=_JOBS.name,
        summary="Start or abort a job",
        about="The answer tells whether the action was accepted.",
        parameters=_RESOURCE,
        body=_sent("Action", start={"action": "start", "comment": "by hand"}),
        answers=_shown("ActionResult", "The result.", started=_RESULT),
        problems=(NotFound, LimitReached),
    ),
)
_OF_TASKS: Final = (
    Operation(
        endpoint="fusion_tasks.list_tasks",
        method="GET",
        path="/tasks",
        id="list_tasks",
        tag=_TASKS.name,
        summary="List tasks",
        parameters=_PAGE,
        answers=_shown("Tasks", "A page of tasks.", "Link?", one=[TASK]),
    ),
    Operation(
        endpoint="fusion_tasks.create_task",
        method="POST",
        path="/tasks",
        id="create_task",
        tag=_TASKS.name,
        summary="Create a task, and with it a job",
        body=_sent("Task", post=TASK),
        answers=_shown("Task", "The task.", post=TASK),
        problems=(Conflict, LimitReached),
    ),
    Operation(
        endpoint="fusion_tasks.get_task",
        method="GET",
        path="/tasks/{task_id}",
        id="get_task",
        tag=_TASKS.name,
        summary="Show a task",
        parameters=_TASK_ID,
        answers=_shown("Task", "The task.", post=TASK),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="fusion_tasks.put_task",
        method="PUT",
        path="/tasks/{task_id}",
        id="put_task",
        tag=_TASKS.name,
        summary="Create or replace a task",
        about="Its schedule stays.",
        parameters=_TASK_ID,
        body=_sent("Task", post=TASK),
        answers=_shown("Task", "The task.", post=TASK),
        problems=(NotFound, Conflict, LimitReached, TooLarge),
    ),
    Operation(
        endpoint="fusion_tasks.delete_task",
        method="DELETE",
        path="/tasks/{task_id}",
        id="delete_task",
        tag=_TASKS.name,
        summary="Delete a task with its job and its schedule",
        parameters=_TASK_ID,
        answers=_GONE,
        problems=(NotFound,),
    ),
)


def _with_apps() -> Iterator[Operation]:
    """Each operation, of all jobs and of those of an app."""
    below = prefixes.APP.replace("<", "{").replace(">", "}")
    for each in (*_OF_JOBS, *_OF_TASKS):
        yield each
        yield replace(
            each,
            path=below + each.path,
            id=f"{each.id}_of_app",
            parameters={"app": _APP, **each.parameters},
        )


OPERATIONS: Final = tuple(_with_apps())


def describe(prefix: str) -> Description:
    """The Fusion Jobs API below this prefix."""
    return Description(
        title="Wakecall: Fusion Jobs API",
        about=_ABOUT,
        version=VERSION,
        tags=(_JOBS, _TASKS),
        operations=OPERATIONS,
        schemas=schemas(),
        security_schemes=SECURITY_SCHEMES,
        webhooks={},
        prefix=prefix,
        servers=prefixes.PREFIXES,
    )
