"""Document: a job as its JSON and XML forms both show it, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.api.native.codecs.schema import Value
from app.api.native.documents import options, payload
from app.api.native.documents import schedule as schedule_document
from app.domain import instants
from app.domain.checks import escaped, quoted
from app.domain.dapr.schedule import DaprSchedule
from app.domain.job import Booking, Dialect, Job, ReadOnlyMembers
from app.domain.retry_policy import RetryPolicy
from app.domain.trigger import is_recurring
from app.errors import InvalidMember

# The order of the spec's example documents, then the extensions. Members that hold more than a
# string have their shape in shapes.SHAPES.
MEMBERS: Final = {
    "id": "id",
    "account": "account",
    "url": "url",
    "signature": "signature",
    "contentType": "content_type",
    "data": "data",
    "dataEncoding": "data_encoding",
    "when": "when",
    "cron": "cron",
    "timezone": "timezone",
    "onGap": "on_gap",
    "onOverlap": "on_overlap",
    "next": "next",
    "enabled": "enabled",
    "name": "name",
    "tags": "tags",
    "method": "method",
    "headers": "headers",
    "timeout": "timeout",
    "retry": "retry",
    "misfire": "misfire",
    "misfireWindow": "misfire_window",
    "onSuccess": "on_success",
    "onFailure": "on_failure",
}

# What is shown besides of a job that was booked in another dialect, and never taken here.
FOREIGN: Final = {
    "dialect": "dialect",
    "endpoint": "endpoint",
    "schedule": "schedule",
    "remaining": "remaining",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobDocument:
    """A job's members as written, each in its shape; None for one that is absent."""

    id: str | None = None
    account: str | None = None
    url: str | None = None
    signature: str | None = None
    content_type: str | None = None
    data: str | None = None
    data_encoding: str | None = None
    when: str | None = None
    cron: str | None = None
    timezone: str | None = None
    on_gap: str | None = None
    on_overlap: str | None = None
    next: str | None = None
    enabled: bool | None = None
    name: str | None = None
    tags: Sequence[str] | None = None
    method: str | None = None
    headers: Mapping[str, str] | None = None
    timeout: float | None = None
    retry: Mapping[str, Any] | None = None
    misfire: str | None = None
    misfire_window: float | None = None
    on_success: str | None = None
    on_failure: str | None = None
    dialect: str | None = None
    endpoint: str | None = None
    schedule: str | None = None
    remaining: int | None = None


def of_job(job: Job) -> JobDocument:
    """The document that shows a stored job, in native words whatever its dialect."""
    text, encoding = (None, None) if job.data is None else payload.to_text(job.data)
    call_options = job.call_options
    native = job.dialect is Dialect.NATIVE
    return JobDocument(
        id=str(job.id),
        account=job.account,
        # The calls of a job of another dialect may go to wherever its endpoint is then.
        url=None if job.url.startswith("/") else job.url,
        signature=job.signature,
        content_type=job.content_type,
        data=text,
        data_encoding=encoding,
        **schedule_document.shown(job.trigger),
        next=instants.format_utc(job.next_at)
        if is_recurring(job.trigger) and job.next_at
        else None,
        enabled=None if job.enabled else False,
        name=job.name,
        tags=list(job.tags) or None,
        method=call_options.method,
        headers=dict(call_options.headers) or None,
        timeout=options.tidy(call_options.timeout),
        retry=options.of_retry(call_options.retry)
        if isinstance(call_options.retry, RetryPolicy)
        else None,
        misfire=job.misfire.policy and str(job.misfire.policy),
        misfire_window=options.tidy(job.misfire.window),
        on_success=job.on_success,
        on_failure=job.on_failure,
        dialect=None if native else str(job.dialect),
        endpoint=job.endpoint or None,
        schedule=job.trigger.schedule if isinstance(job.trigger, DaprSchedule) else None,
        remaining=job.remaining,
    )


def booking(document: JobDocument) -> Booking:
    """What the document asks for; raises InvalidMember."""
    if document.url is None:
        raise InvalidMember(
            "url", "url is missing.", remedy="Give the URL to call, as in https://example.com/wake."
        )
    body = None
    if document.data is not None:
        body = payload.to_bytes(document.data, document.data_encoding)
    elif document.data_encoding is not None:
        raise InvalidMember(
            "dataEncoding",
            "There is a dataEncoding, but no data.",
            remedy="Give data, or leave dataEncoding out.",
        )
    return Booking(
        url=document.url,
        trigger=schedule_document.trigger(document),
        signature=document.signature,
        content_type=document.content_type,
        data=body,
        enabled=document.enabled is not False,
        name=document.name,
        tags=tuple(document.tags or ()),
        call_options=options.read_call_options(
            document.method, document.headers, document.timeout, document.retry
        ),
        misfire=options.misfire(document.misfire, document.misfire_window),
        on_success=document.on_success,
        on_failure=document.on_failure,
    )


def read_only_members(document: JobDocument) -> ReadOnlyMembers:
    """The read-only members the document repeats."""
    return ReadOnlyMembers(
        id=document.id and document.id.lower(), account=document.account, next=document.next
    )


def refuse_unknown(names: Iterable[str]) -> None:
    """Refuse a name that is not a member of a job; raises InvalidMember."""
    for name in names:
        if name not in MEMBERS:
            raise InvalidMember(
                escaped(name),
                f"A job has no member {quoted(name)}.",
                remedy=f"The members are: {', '.join(MEMBERS)}.",
            )


def of_members(members: Mapping[str, Value]) -> JobDocument:
    """The document with these members, all of them in MEMBERS, by their names on the wire."""
    return JobDocument(**{MEMBERS[name]: value for name, value in members.items()})  # type: ignore[arg-type] # the codecs give each member the shape it has in SHAPES


def members(document: JobDocument) -> Iterator[tuple[str, Value]]:
    """The members that are present, by their names on the wire, in the order of the spec."""
    for name, attribute in (MEMBERS | FOREIGN).items():
        value = getattr(document, attribute)
        if value is not None:
            yield name, value
