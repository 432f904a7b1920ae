"""Upcoming: the next firings of all jobs, and how many jobs fire in each hour of a day."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Response, request

from app.api.context import current_context
from app.api.native.documents import job_filter, list_cursor
from app.api.parameters import takes
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.day_chart import load_chart
from app.console.elements import to
from app.console.rendering import page
from app.console.run_elements import hour
from app.domain.role import Role
from app.domain.upcoming import Expected
from app.service import upcoming as service

_PAGE: Final = 50
_CURSOR: Final = "cursor"
_POLL_S: Final = 5
_FILTERS: Final = (job_filter.NAME_PREFIX, job_filter.HOST)


@console.get("/upcoming")
@needs(Role.READER)
@takes(*_FILTERS, _CURSOR, many=(job_filter.TAG,))
def list_upcoming() -> Response:
    """Show a page of the next firings that the address selects, the earliest first."""
    context, caller = current_context(), viewer().caller
    texts = [(name, text) for name, text in request.args.items(multi=True) if text]
    texts = [(name, text) for name, text in texts if name != _CURSOR]
    tags = [text for name, text in texts if name == job_filter.TAG]
    wanted = job_filter.parse(tags, dict(texts))
    scope = [str(caller.account.id), request.path, *(f"{name}={text}" for name, text in texts)]
    cursor = request.args.get(_CURSOR)
    after = list_cursor.read_expected(scope, cursor) if cursor else None
    with service.list_upcoming(
        context, caller, wanted, until=None, after=after, limit=_PAGE + 1
    ) as found:
        firings = list(found.firings)
        resume_after = found.resume_after
    shown = firings[:_PAGE]
    last = shown[-1].expected if len(firings) > _PAGE else resume_after
    load = service.count_upcoming(context, caller)
    return page(
        "upcoming.html",
        rows=[(each, service.reason_to_wait(context, caller, each)) for each in shown],
        load=load,
        chart=load_chart(load, hour),
        values=dict(texts),
        tags=tags,
        is_narrow=bool(texts),
        first=_address(texts) if after else "",
        more=_more(texts, scope, last),
        searched_to=resume_after.at if resume_after and len(firings) <= _PAGE else None,
        live=None if after else _POLL_S,
        may_change=viewer().may(Role.MEMBER),
    )


def _more(texts: list[tuple[str, str]], scope: list[str], last: Expected | None) -> str:
    if last is None:
        return ""
    return _address([*texts, (_CURSOR, list_cursor.write_expected(scope, last))])


def _address(texts: list[tuple[str, str]]) -> str:
    return f"{to('upcoming')}?{urlencode(texts)}" if texts else to("upcoming")
