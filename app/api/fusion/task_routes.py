"""Routes of tasks: the HTTP calls that jobs of the type `task` make."""

from __future__ import annotations

from operator import itemgetter
from typing import Final

from flask import Blueprint, Response

from app.api import admission, pages
from app.api.fusion import wire
from app.api.fusion.prefixes import route
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.fusion.resource import Kind
from app.domain.scope import Scope
from app.service.fusion import tasks as service

tasks: Final = Blueprint("fusion_tasks", __name__)


@route(tasks, "GET", "/tasks")
@needs(Scope.READ)
@takes(wire.LIMIT, pages.CURSOR, ignoring=True)
def list_tasks(app: str | None = None) -> Response:
    """All tasks of the account, or of an app, in pages."""
    caller = admission.admit()
    after, limit = wire.after(Kind.TASK), wire.page_limit()
    with service.of_all(caller, app=app, after=after, limit=limit + 1) as found:
        return wire.page(found, itemgetter("id"), limit)


@route(tasks, "POST", "/tasks")
@needs(Scope.BOOK)
@takes(ignoring=True)
def create_task(app: str | None = None) -> Response:
    """A new task, which makes a new job."""
    caller = admission.admit()
    return wire.answer(service.create(caller, service.read(wire.members()), app=app))


@route(tasks, "GET", "/tasks/<task_id>")
@needs(Scope.READ)
@takes(ignoring=True)
def get_task(task_id: str, app: str | None = None) -> Response:
    """A task as it was sent."""
    return wire.answer(service.get(admission.admit(), task_id, app=app))


@route(tasks, "PUT", "/tasks/<task_id>")
@needs(Scope.BOOK)
@takes(ignoring=True)
def put_task(task_id: str, app: str | None = None) -> Response:
    """A task created or replaced; its schedule stays."""
    caller = admission.admit()
    sent = service.read(wire.members(), task_id=task_id)
    return wire.answer(service.put(caller, sent, app=app))


@route(tasks, "DELETE", "/tasks/<task_id>")
@needs(Scope.BOOK)
@takes(ignoring=True)
def delete_task(task_id: str, app: str | None = None) -> Response:
    """A task and its job, with its schedule, ended."""
    service.delete(admission.admit(), task_id, app=app)
    return Response(status=204)
