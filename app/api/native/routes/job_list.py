"""Route of the list of jobs: ids, whole or a page at a time, or pages of jobs with content."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response, request

from app.api import admission, negotiation, pages
from app.api.context import current_context
from app.api.native.documents import job_filter, list_cursor
from app.api.native.documents import job_list as job_list_document
from app.api.native.documents.job_list import LAYOUTS, JobList
from app.api.native.routes import paging, responses, spool
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.account import Caller
from app.domain.job_filter import JobSort
from app.domain.scope import Scope
from app.errors import InvalidMember
from app.service import job_list as service

_VIEW: Final = "view"
_VIEWS: Final = {"ids": False, "full": True}
"""Whether a view has the content of the jobs."""

_SORT: Final = "sort"
_SORTS: Final = {str(each): each for each in JobSort}
_OF_FULL: Final = (_SORT, *job_filter.OF_JOBS)
"""The parameters of the view `full` alone."""


@native.get("/jobs")
@needs(Scope.READ)
@takes(_VIEW, *_OF_FULL, paging.LIMIT, paging.CURSOR, many=(job_filter.TAG,))
def list_jobs() -> Response:
    """List the ids of the account's jobs (spec: List); with content or in pages (an extension)."""
    caller = admission.admit()
    if job_filter.parse_choice(_VIEW, request.args.get(_VIEW), _VIEWS):
        return _list_full(caller)
    _refuse_parameters_of_full()
    media_type = responses.negotiate(negotiation.WITH_TEXT)
    wanted = _parse_query(caller.account.id)
    if wanted.limit is None:
        return _render_whole(caller, wanted, media_type)
    return _render_page(caller, wanted, wanted.limit, media_type)


def _refuse_parameters_of_full() -> None:
    for name in _OF_FULL:
        if name in request.args:
            raise InvalidMember(
                name,
                f"{name} is not a parameter of the list of ids.",
                remedy=f"Give {_VIEW}=full too, or omit {name}.",
            )


def _list_full(caller: Caller) -> Response:
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    wanted = job_filter.parse(request.args.getlist(job_filter.TAG), request.args)
    chosen = job_filter.parse_choice(_SORT, request.args.get(_SORT), _SORTS)
    sort, cursor = chosen or JobSort.NEWEST, request.args.get(paging.CURSOR)
    scope = paging.scope_of(caller.account.id)
    limit = paging.parse_limit() or paging.DEFAULT_LIMIT
    with service.list_jobs(
        current_context(),
        caller,
        wanted,
        sort,
        after=None if cursor is None else list_cursor.read_job(scope, cursor, sort),
        limit=limit + 1,
    ) as found:
        resume_after = found.resume_after
        return responses.render_jobs(
            found.jobs,
            lambda listed: list_cursor.write_job(scope, listed.position),
            limit=limit,
            media_type=media_type,
            resume_at=resume_after and list_cursor.write_job(scope, resume_after),
        )


def _parse_query(account_id: int) -> JobList:
    """The list that the query asks for; raises InvalidMember."""
    tags = job_filter.parse_tags(request.args.getlist(job_filter.TAG))
    limit, cursor = paging.parse_limit(), request.args.get(paging.CURSOR)
    wanted = JobList(account_id=account_id, tags=tags, limit=limit)
    if cursor is None:
        return wanted
    after = job_list_document.read_cursor(wanted, cursor)
    return replace(wanted, limit=limit or paging.DEFAULT_LIMIT, after=after)


def _render_whole(caller: Caller, wanted: JobList, media_type: str) -> Response:
    layout, context = LAYOUTS[media_type], current_context()
    with service.list_ids(context, caller, wanted.tags) as found:
        length = layout.length(found.count)
        body = None
        if request.method != "HEAD":
            body = spool.spool(
                layout,
                found.count,
                found.ids,
                caller.account.id,
                folder=context.settings.temporary,
            )
    response = Response(body, content_type=responses.CONTENT_TYPES[media_type])
    response.content_length = length
    return response


def _render_page(caller: Caller, wanted: JobList, limit: int, media_type: str) -> Response:
    ids, more = service.list_page_of_ids(
        current_context(), caller, wanted.tags, after=wanted.after, limit=limit
    )
    body = b"".join(LAYOUTS[media_type].pieces(ids))
    response = Response(body, content_type=responses.CONTENT_TYPES[media_type])
    if more:
        response.headers["Link"] = pages.next_page(job_list_document.write_cursor(wanted, ids[-1]))
    return response
