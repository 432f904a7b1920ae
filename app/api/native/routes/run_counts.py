"""Route of the counts of runs: how the runs of the account ended, over time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Response, request

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import job_filter, list_cursor
from app.api.native.documents import run_counts as run_counts_document
from app.api.native.routes import paging, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain import instants
from app.domain.run_counts import BUCKETS, MAX_BUCKETS, span
from app.domain.scope import Scope
from app.service import run_counts as service

_BUCKET: Final = "bucket"
_AFTER: Final = "after"
_BEFORE: Final = "before"
_DEFAULT_BUCKET: Final = timedelta(hours=1)
_DEFAULT_SPAN: Final = timedelta(days=1)


@native.get("/runs/counts")
@needs(Scope.READ)
@takes(_BUCKET, _AFTER, _BEFORE, paging.CURSOR)
def count_runs() -> Response:
    """Count the account's runs that are over by due time and state, the newest bucket first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    chosen = job_filter.parse_choice(_BUCKET, request.args.get(_BUCKET), BUCKETS)
    step = chosen or _DEFAULT_BUCKET
    scope = paging.scope_of(caller.account.id)
    cursor = request.args.get(paging.CURSOR)
    if cursor is None:
        before = _instant(_BEFORE) or caller.now
        earliest = datetime.min.replace(tzinfo=UTC)
        after = _instant(_AFTER) or before - min(_DEFAULT_SPAN, before - earliest)
        wanted = span(after, before, step)
    else:
        wanted = list_cursor.read_span(scope, cursor, step)
    found = service.count_runs(current_context(), caller, wanted)

    def cursor_before(end: datetime) -> str:
        return list_cursor.write_span(scope, replace(wanted, ends=end))

    more_before = found.more_before
    return responses.render_page(
        "counts",
        found.counts,
        run_counts_document.render,
        lambda counted: cursor_before(counted.begins),
        limit=MAX_BUCKETS,
        media_type=media_type,
        resume_at=None if more_before is None else cursor_before(more_before),
    )


def _instant(name: str) -> datetime | None:
    text = request.args.get(name)
    return None if text is None else instants.parse(text, member=name)
