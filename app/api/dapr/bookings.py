"""Makes a booking of a Dapr job's document, and a preview of its times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from app.api import previews
from app.api.dapr import documents
from app.api.dapr.documents import JobDocument, Policy
from app.domain.call_options import MAX_TIMEOUT, CallOptions
from app.domain.dapr import booking, duration, preview
from app.domain.dapr.booking import Times
from app.domain.dapr.names import check_name
from app.domain.job import Booking, Dialect
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.preview import Preview
from app.domain.retry_policy import Constant
from app.errors import InvalidMember

_CONTENT_TYPE: Final = "application/json"
# RFC 3986, 3.3: what may stand in a segment of a path as it is.
_SEGMENT: Final = "!$&'()*+,;=:@"
_MISFIRE: Final = Misfire(policy=MisfirePolicy.ALL)
_MEMBERS: Final = ("schedule", "dueTime", "ttl", "repeats")


def make_booking(
    app_id: str, name: str, document: JobDocument, now: datetime
) -> tuple[Booking, datetime]:
    """The booking, and its first tick; a past tick is due at once.

    Missed ticks are all called later. The timeout of a call is the longest that Wakecall allows.
    Raises Refusal.
    """
    check_name(name)
    times = booking.book(_times(document), now)
    booked = Booking(
        url=f"/job/{quote(name, safe=_SEGMENT)}",
        trigger=times.trigger,
        content_type=_CONTENT_TYPE,
        data=document.data,
        type_url=document.type_url,
        name=name,
        call_options=_call_options(document.policy),
        misfire=_MISFIRE,
        dialect=Dialect.DAPR,
        endpoint=app_id,
        written=documents.to_written(document),
        remaining=times.remaining,
    )
    return booked, times.first


def _times(document: JobDocument) -> Times:
    return Times(
        schedule=document.schedule,
        due_time=document.due_time,
        ttl=document.ttl,
        repeats=document.repeats,
    )


@lru_cache(maxsize=256)
def _call_options(policy: Policy) -> CallOptions:
    """Those of the jobs with this policy, of which clients use few. Raises Refusal."""
    return CallOptions(timeout=MAX_TIMEOUT, retry=_retry(policy))


def _retry(policy: Policy) -> Constant:
    if policy.drop:
        return Constant(interval=0, max_retries=0)
    interval = policy.interval
    return Constant(
        interval=0 if interval is None else duration.interval(interval, member="interval"),
        max_retries=policy.max_retries,
    )


def _preview(members: Mapping[str, Any], after: datetime, count: int) -> Preview:
    times = Times(
        schedule=_text(members, "schedule"),
        due_time=_text(members, "dueTime"),
        ttl=_text(members, "ttl"),
        repeats=documents.parse_repeats(members["repeats"]) if "repeats" in members else None,
    )
    return preview.preview_times(times, after=after, count=count)


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if name in members and type(value) is not str:
        raise InvalidMember(
            name, f"{name} must be a string.", remedy=f"Give a string, or leave {name} out."
        )
    return value


PREVIEWER: Final = previews.Previewer(name="dapr", members=_MEMBERS, preview=_preview)
