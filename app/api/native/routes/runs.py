"""Routes of runs: list, show, redeliver, and fire a job by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from flask import Response, request

from app.api import admission, negotiation, rate, scopes
from app.api.context import current_context
from app.api.native.documents import job_filter, run_cursor, run_filter
from app.api.native.documents import redelivery as redelivery_document
from app.api.native.documents import run as run_document
from app.api.native.documents.redelivery import REDELIVERY
from app.api.native.routes import paging, request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.run import Position, Run, RunState
from app.domain.scope import Scope
from app.service import manual_calls
from app.service import runs as service
from app.service.permissions import require_booking

VIEW: Final = "view"
VIEWS: Final = {"full": False, "brief": True}
"""Whether a view has only what a list shows of attempts."""

_ACCEPTED: Final = 202


@native.get("/runs")
@needs(Scope.READ)
@takes(*run_filter.PARAMETERS, VIEW, paging.LIMIT, many=run_filter.REPEATED)
def list_runs() -> Response:
    """List a page of the account's runs that the query selects, newest first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    repeated = {name: request.args.getlist(name) for name in run_filter.REPEATED}
    wanted, position = run_filter.parse(repeated, request.args, allowed=tuple(RunState))
    limit = paging.parse_limit() or paging.DEFAULT_LIMIT
    with service.list_runs(
        current_context(), caller, wanted, after=position, limit=limit + 1, brief=_is_brief()
    ) as found:
        return _render_page(found.runs, limit, media_type, found.resume_at)


@native.get("/jobs/<uuid:job_id>/runs")
@needs(Scope.READ)
@takes(VIEW, paging.LIMIT, paging.CURSOR)
def list_runs_of_job(job_id: UUID) -> Response:
    """List a page of the runs of a job, newest first; the job may have ended."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    cursor = request.args.get(paging.CURSOR)
    position = None if cursor is None else run_cursor.read(cursor)
    limit = paging.parse_limit() or paging.DEFAULT_LIMIT
    with service.list_runs_of_job(
        current_context(), caller, job_id, after=position, limit=limit + 1, brief=_is_brief()
    ) as found:
        return _render_page(found, limit, media_type)


@native.get("/runs/<uuid:run_id>")
@needs(Scope.READ)
@takes()
def get_run(run_id: UUID) -> Response:
    """Show a run with its newest attempts, and a Link to earlier attempts."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    run = service.get(current_context(), caller, run_id)
    response = responses.render("run", run_document.render(run), media_type)
    if run.omitted_attempts:
        earlier = f"/1/runs/{run_id}/attempts?{paging.CURSOR}={run.attempts[0].number}"
        response.headers["Link"] = f'<{earlier}>; rel="next"'
    return response


@native.get("/runs/<uuid:run_id>/attempts")
@needs(Scope.READ)
@takes(paging.LIMIT, paging.CURSOR)
def list_attempts(run_id: UUID) -> Response:
    """List a page of the attempts of a run, newest first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    before = run_cursor.read_attempt_number(request.args.get(paging.CURSOR))
    limit = paging.parse_limit() or paging.DEFAULT_LIMIT
    with service.list_attempts(
        current_context(), caller, run_id, before=before, limit=limit + 1
    ) as found:
        return responses.render_page(
            "attempts",
            found,
            lambda attempt: run_document.render_attempt(run_id, attempt),
            lambda attempt: str(attempt.number),
            limit=limit,
            media_type=media_type,
        )


@native.post("/runs/<uuid:run_id>/redeliver")
@needs(Scope.BOOK)
@takes()
def redeliver_run(run_id: UUID) -> Response:
    """Redeliver a settled run as the same run."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return _render_accepted(service.redeliver(current_context(), caller, run_id), media_type)


@native.post("/runs/redeliver")
@needs(Scope.BOOK, dry_run=scopes.is_said_in_document)
@takes(hint=f"Members of the document are: {', '.join(REDELIVERY.members)}.")
def redeliver_runs() -> Response:
    """Redeliver unsuccessful runs, as many as one call may, or only count them."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    asked = redelivery_document.read(request_body.receive())
    if not asked.is_dry_run:
        require_booking(caller)
    do = service.count_redeliverable if asked.is_dry_run else service.redeliver_all
    done = do(current_context(), caller, asked.wanted, after=asked.after)
    rate.count_items(caller.account.id, done.count + done.lost)
    status = 200 if asked.is_dry_run else _ACCEPTED
    return responses.render(REDELIVERY.root, redelivery_document.render(done), media_type, status)


@native.post("/jobs/<uuid:job_id>/fire")
@needs(Scope.BOOK)
@takes()
def fire_job(job_id: UUID) -> Response:
    """Fire a job now; its schedule stays as it is."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return _render_accepted(
        service.get(
            current_context(), caller, manual_calls.call_now(current_context(), caller, job_id)
        ),
        media_type,
    )


def _is_brief() -> bool:
    """Whether the query asks for the brief view of runs; raises InvalidMember."""
    return job_filter.parse_choice(VIEW, request.args.get(VIEW), VIEWS) or False


def _render_page(
    found: Iterator[Run], limit: int, media_type: str, resume_at: Position | None = None
) -> Response:
    return responses.render_page(
        "runs",
        found,
        run_document.render,
        lambda run: run_cursor.write(Position(due_at=run.due_at, id=run.id)),
        limit=limit,
        media_type=media_type,
        resume_at=None if resume_at is None else run_cursor.write(resume_at),
    )


def _render_accepted(run: Run, media_type: str) -> Response:
    response = responses.render("run", run_document.render(run), media_type, _ACCEPTED)
    response.headers["Location"] = f"/1/runs/{run.id}"
    return response
