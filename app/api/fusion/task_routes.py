"""Routes of tasks: the HTTP calls that jobs of the type `task` make."""

from __future__ import annotations

from operator import itemgetter
from typing import Final

from flask import Blueprint, Response

from app.api import admission, pages
from app.api.context import current_context
from app.api.fusion import task_document, wire
from app.api.fusion.prefixes import route
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.fusion.resource import Kind
from app.domain.fusion.task import Task
from app.domain.scope import Scope
from app.service.fusion import tasks as service

tasks: Final = Blueprint("fusion_tasks", __name__)


@route(tasks, "GET", "/tasks")
@needs(Scope.READ)
@takes(wire.LIMIT, pages.CURSOR, ignoring=True)
def list_tasks(app: str | None = None) -> Response:
    """All tasks of the account, or of an app, in pages."""
    caller = admission.admit()
    after, limit = wire.parse_cursor(Kind.TASK), wire.parse_limit()
    with service.list_tasks(
        current_context(), caller, app=app, after=after, limit=limit + 1
    ) as found:
        return wire.page_response(map(task_document.render, found), itemgetter("id"), limit)


@route(tasks, "POST", "/tasks")
@needs(Scope.BOOK)
@takes(ignoring=True)
def create_task(app: str | None = None) -> Response:
    """Create a task, and with it a job."""
    caller = admission.admit()
    sent = _sent_task()
    service.create(current_context(), caller, sent, app=app)
    return wire.json_response(task_document.render(sent.source_document))


@route(tasks, "GET", "/tasks/<task_id>")
@needs(Scope.READ)
@takes(ignoring=True)
def get_task(task_id: str, app: str | None = None) -> Response:
    """A task as it was sent."""
    return wire.json_response(
        task_document.render(service.get(current_context(), admission.admit(), task_id, app=app))
    )


@route(tasks, "PUT", "/tasks/<task_id>")
@needs(Scope.BOOK)
@takes(ignoring=True)
def put_task(task_id: str, app: str | None = None) -> Response:
    """Create or replace a task; its schedule stays."""
    caller = admission.admit()
    sent = _sent_task(task_id)
    service.put(current_context(), caller, sent, app=app)
    return wire.json_response(task_document.render(sent.source_document))


@route(tasks, "DELETE", "/tasks/<task_id>")
@needs(Scope.BOOK)
@takes(ignoring=True)
def delete_task(task_id: str, app: str | None = None) -> Response:
    """Delete a task with its job and its schedule."""
    service.delete(current_context(), admission.admit(), task_id, app=app)
    return Response(status=204)


def _sent_task(task_id: str | None = None) -> Task:
    """The task in the request's body; `task_id` is that of the path. Raises Refused."""
    settings = current_context().settings
    return task_document.parse(
        wire.read_members(),
        allow=settings.allow_targets,
        deny=settings.deny_targets,
        task_id=task_id,
    )
