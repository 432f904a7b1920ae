"""Routes of Fusion jobs: their status, history and schedules; starting, aborting, deleting them."""

from __future__ import annotations

from operator import itemgetter
from typing import Final

from flask import Blueprint, Flask, Response, request

from app.api import admission, pages, previews
from app.api.context import current_context
from app.api.fusion import (
    action_document,
    preview,
    schedule_document,
    status_document,
    task_routes,
    wire,
)
from app.api.fusion.prefixes import route
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.fusion import resource as resources
from app.domain.scope import Scope
from app.service.fusion import actions, job_status, schedules
from app.service.fusion.jobs import resource_of

fusion: Final = Blueprint("fusion", __name__)


def install(app: Flask) -> None:
    """Offer the Fusion dialect in this application."""
    app.register_blueprint(fusion)
    app.register_blueprint(task_routes.tasks)
    previews.offer(app, preview.PREVIEWER)


@route(fusion, "GET", "/jobs")
@needs(Scope.READ)
@takes(wire.LIMIT, pages.CURSOR, many=("type",), ignoring=True)
def list_jobs(app: str | None = None) -> Response:
    """The status of the account's jobs, or of some types or one app, in pages."""
    caller = admission.admit()
    kinds = {resources.read_kind(each) for each in request.args.getlist("type")}
    after, limit = wire.parse_cursor(), wire.parse_limit()
    with job_status.list_jobs(
        current_context(), caller, kinds=kinds, app=app, after=after, limit=limit + 1
    ) as found:
        return wire.page_response(
            map(status_document.render_job, found), itemgetter("resource"), limit
        )


@route(fusion, "GET", "/jobs/<resource>")
@needs(Scope.READ)
@takes(ignoring=True)
def get_job(resource: str, app: str | None = None) -> Response:
    """The status of a job."""
    caller = admission.admit()
    return wire.json_response(
        status_document.render_job(
            job_status.get_job(current_context(), caller, resource_of(resource), app=app)
        )
    )


@route(fusion, "DELETE", "/jobs/<resource>")
@needs(Scope.BOOK)
@takes(ignoring=True)
def delete_job(resource: str, app: str | None = None) -> Response:
    """Delete a job with its schedule and its task (an extension)."""
    caller = admission.admit()
    schedules.delete_job(current_context(), caller, resource_of(resource), app=app)
    return Response(status=204)


@route(fusion, "GET", "/jobs/<resource>/history")
@needs(Scope.READ)
@takes(wire.LIMIT, ignoring=True)
def get_history(resource: str, app: str | None = None) -> Response:
    """The runs of a job, newest first, the one under way included."""
    caller = admission.admit()
    of = resource_of(resource)
    runs = job_status.list_runs(
        current_context(), caller, of, limit=wire.parse_history_limit(), app=app
    )
    return wire.json_response([status_document.render_run(str(of), each) for each in runs])


@route(fusion, "GET", "/jobs/<resource>/schedule")
@needs(Scope.READ)
@takes(ignoring=True)
def get_schedule(resource: str, app: str | None = None) -> Response:
    """The schedule of a job, as it was put."""
    caller = admission.admit()
    saved = schedules.get(current_context(), caller, resource_of(resource), app=app)
    return wire.json_response(schedule_document.render_saved(saved))


@route(fusion, "PUT", "/jobs/<resource>/schedule")
@needs(Scope.BOOK)
@takes(ignoring=True)
def put_schedule(resource: str, app: str | None = None) -> Response:
    """Replace the whole schedule of a job."""
    caller = admission.admit()
    of = resources.parse(resource)
    sent = schedule_document.parse(wire.read_members(), resource=of, now=caller.now)
    schedules.put(current_context(), caller, of, sent, app=app)
    return wire.json_response(schedule_document.render(sent))


@route(fusion, "DELETE", "/jobs/<resource>/schedule")
@needs(Scope.BOOK)
@takes(ignoring=True)
def delete_schedule(resource: str, app: str | None = None) -> Response:
    """Remove the schedule of a job; the job stays, and can be started."""
    caller = admission.admit()
    schedules.delete(current_context(), caller, resource_of(resource), app=app)
    return Response(status=204)


@route(fusion, "POST", "/jobs/<resource>/actions")
@needs(Scope.BOOK)
@takes(ignoring=True)
def act(resource: str, app: str | None = None) -> Response:
    """Start or abort a job now; the answer is 200 and says whether the action was accepted."""
    caller = admission.admit()
    action = action_document.parse(wire.read_members())
    result = actions.perform(current_context(), caller, resource_of(resource), action, app=app)
    return wire.json_response(action_document.render(result))
