"""Routes of runs: told, filtered, sent again, and made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from app.api import admission, negotiation, rate, scopes
from app.api.native.documents import run_cursor, run_filter
from app.api.native.documents.run import of_attempt, of_run
from app.api.native.documents.run_filter import CURSOR, OF_FILTER, OF_REDELIVERY
from app.api.native.routes import paging, request_body, responses
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.run import Position, Run, RunState
from app.domain.scope import Scope
from app.service import pauses
from app.service import runs as service
from app.service.permissions import require_booking

_ACCEPTED: Final = 202

runs: Final = Blueprint("runs", __name__, url_prefix="/1")


@runs.get("/runs")
@needs(Scope.READ)
@takes(*OF_FILTER, paging.LIMIT, many=(run_filter.STATE,))
def list_runs() -> Response:
    """The account's runs that the query means, newest first, a page at a time."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    given = dict(request.args.lists())
    wanted, position = run_filter.of_texts(given, tuple(RunState))
    limit = paging.limit() or paging.DEFAULT_LIMIT
    with service.listed(asking, wanted, after=position, limit=limit + 1) as found:
        return _listed(found, limit, media_type)


@runs.get("/jobs/<uuid:job_id>/runs")
@needs(Scope.READ)
@takes(paging.LIMIT, CURSOR)
def list_runs_of_job(job_id: UUID) -> Response:
    """The newest runs of a job, also of one that has ended, a page at a time."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    given = request.args.get(CURSOR)
    position = None if given is None else run_cursor.read(given)
    limit = paging.limit() or paging.DEFAULT_LIMIT
    with service.of_job(asking, job_id, after=position, limit=limit + 1) as found:
        return _listed(found, limit, media_type)


@runs.get("/runs/<uuid:run_id>")
@needs(Scope.READ)
@takes()
def get_run(run_id: UUID) -> Response:
    """One run with its newest attempts, and a Link to those before them."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    run = service.get(asking, run_id)
    answer = responses.listed("run", of_run(run), media_type)
    if run.omitted_attempts:
        earlier = f"/1/runs/{run_id}/attempts?{CURSOR}={run.attempts[0].number}"
        answer.headers["Link"] = f'<{earlier}>; rel="next"'
    return answer


@runs.get("/runs/<uuid:run_id>/attempts")
@needs(Scope.READ)
@takes(paging.LIMIT, CURSOR)
def list_attempts(run_id: UUID) -> Response:
    """All attempts of a run, newest first, a page at a time."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    before, limit = (
        run_cursor.attempt_number(request.args.get(CURSOR)),
        paging.limit() or paging.DEFAULT_LIMIT,
    )
    with service.attempts(asking, run_id, before=before, limit=limit + 1) as found:
        return responses.page(
            "attempts",
            found,
            lambda attempt: of_attempt(run_id, attempt),
            lambda attempt: str(attempt.number),
            limit=limit,
            media_type=media_type,
        )


@runs.post("/runs/<uuid:run_id>/redeliver")
@needs(Scope.BOOK)
@takes()
def redeliver_run(run_id: UUID) -> Response:
    """A settled run sent again, as the same run."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return _taken_up(service.redeliver(asking, run_id), media_type)


@runs.post("/runs/redeliver")
@needs(Scope.BOOK, dry_run=scopes.is_said_in_document)
@takes(hint=f"Members of the document are: {', '.join(OF_REDELIVERY)}.")
def redeliver_runs() -> Response:
    """Unsuccessful runs sent again, as many as one call may; or only counted."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    asked = request_body.read(run_filter.from_json, run_filter.from_xml)
    if not asked.dry:
        require_booking(asking)
    done = service.redeliver_all(asking, asked.wanted, after=asked.after, dry=asked.dry)
    rate.count_items(asking.account.id, done.count + done.lost)
    members = {"count": done.count, "lost": done.lost, "more": done.more_after is not None}
    following = {} if done.more_after is None else {CURSOR: run_cursor.write(done.more_after)}
    return responses.listed(
        run_filter.ROOT, {**members, **following}, media_type, 200 if asked.dry else _ACCEPTED
    )


@runs.post("/jobs/<uuid:job_id>/fire")
@needs(Scope.BOOK)
@takes()
def fire_job(job_id: UUID) -> Response:
    """A job called now, whatever its schedule, which stays as it is."""
    asking = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return _taken_up(service.get(asking, pauses.fire(asking, job_id)), media_type)


def _listed(found: Iterator[Run], limit: int, media_type: str) -> Response:
    return responses.page(
        "runs",
        found,
        of_run,
        lambda run: run_cursor.write(Position(due_at=run.due_at, id=run.id)),
        limit=limit,
        media_type=media_type,
    )


def _taken_up(run: Run, media_type: str) -> Response:
    answer = responses.listed("run", of_run(run), media_type, _ACCEPTED)
    answer.headers["Location"] = f"/1/runs/{run.id}"
    return answer
