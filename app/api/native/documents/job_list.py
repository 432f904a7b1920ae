"""Job list: which jobs a query means, and the cursor that leads on through them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import request

from app.api.native.routes import paging
from app.domain.booking import check_tag
from app.domain.job import MAX_TAGS
from app.errors import InvalidMember

TAG: Final = "tag"
_ID: Final = 16
_SEAL: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class JobList:
    """The jobs of an account that bear all of `tags`; all at once where `limit` is None.

    Otherwise `limit` of them, those after `after`.
    """

    account_id: int
    tags: tuple[str, ...] = ()
    limit: int | None = None
    after: UUID | None = None


def asked(account_id: int) -> JobList:
    """The list that the request's query asks for; raises InvalidMember."""
    tags = _tags(request.args.getlist(TAG))
    limit, cursor = paging.limit(), request.args.get(paging.CURSOR)
    wanted = JobList(account_id=account_id, tags=tags, limit=limit)
    if cursor is None:
        return wanted
    return JobList(
        account_id=account_id,
        tags=tags,
        limit=limit or paging.DEFAULT_LIMIT,
        after=read_cursor(wanted, cursor),
    )


def cursor_after(listed: JobList, job_id: UUID) -> str:
    """The cursor of this list that leads on after one of its jobs."""
    packed = job_id.bytes + _seal(listed, job_id)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def read_cursor(listed: JobList, cursor: str) -> UUID:
    """The job after which a cursor of this list leads on; raises InvalidMember."""
    try:
        packed = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", b"-_", validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) == _ID + _SEAL:
        job_id = UUID(bytes=packed[:_ID])
        # What is encoded again is compared, so that one place has one cursor.
        if hmac.compare_digest(cursor.encode(), cursor_after(listed, job_id).encode()):
            return job_id
    raise InvalidMember(
        paging.CURSOR,
        "This is no cursor that was handed out for this list.",
        remedy="Follow the Link of the answer before as it is, with the same tags and account; "
        "or leave the cursor out to begin anew.",
    )


def _seal(listed: JobList, job_id: UUID) -> bytes:
    """Binds a cursor to its account and filter.

    No secret is in it: whoever forged one would come to a place in the same account's list.
    """
    parts = (str(listed.account_id), *sorted(listed.tags), str(job_id))
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()[:_SEAL]


def _tags(given: Sequence[str]) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(given))
    for tag in tags:
        check_tag(TAG, tag)
    if len(tags) > MAX_TAGS:
        raise InvalidMember(
            TAG,
            f"The query names {len(tags)} tags, and no job has so many.",
            remedy=f"Name at most {MAX_TAGS}.",
        )
    return tags
