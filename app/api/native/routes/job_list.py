"""Route of the list of jobs: whole, by tags, or a page at a time."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from app.api import admission, negotiation, pages
from app.api.native.documents import job_list as job_list_document
from app.api.native.documents.job_list import JobList
from app.api.native.routes import paging, responses, spool
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.account import Caller
from app.domain.scope import Scope
from app.service import job_list as service

job_lists: Final = Blueprint("job_lists", __name__, url_prefix="/1")


@job_lists.get("/jobs")
@needs(Scope.READ)
@takes(paging.LIMIT, paging.CURSOR, many=(job_list_document.TAG,))
def list_jobs() -> Response:
    """The ids of the account's jobs (spec: List); filtered and in pages, an extension."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.WITH_TEXT)
    wanted = job_list_document.asked(caller.account.id)
    if wanted.limit is None:
        return _whole(caller, wanted, media_type)
    return _page(caller, wanted, wanted.limit, media_type)


def _whole(caller: Caller, wanted: JobList, media_type: str) -> Response:
    layout = spool.LAYOUTS[media_type]
    with service.ids(caller, wanted.tags) as found:
        length = layout.length(found.count)
        body = None
        if request.method != "HEAD":
            body = spool.spool(layout, found.count, found.ids, caller.account.id)
    answer = Response(body, content_type=responses.CONTENT_TYPES[media_type])
    answer.content_length = length
    return answer


def _page(caller: Caller, wanted: JobList, limit: int, media_type: str) -> Response:
    ids, more = service.page_of_ids(caller, wanted.tags, after=wanted.after, limit=limit)
    body = b"".join(spool.LAYOUTS[media_type].pieces(ids))
    answer = Response(body, content_type=responses.CONTENT_TYPES[media_type])
    if more:
        answer.headers["Link"] = pages.next_page(job_list_document.cursor_after(wanted, ids[-1]))
    return answer
