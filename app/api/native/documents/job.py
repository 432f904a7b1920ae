"""Job document: the members of a job on the wire, and the booking that they stand for.

JobDocument declares the members; the codecs read, check and write them by the schema JOB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, get_type_hints

from lxml import etree

from app.api import negotiation, xml_text
from app.api.native.codecs import generic_codec, reader, xml_codec
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import (
    FLAG,
    NUMBER,
    READ_ONLY,
    TEXT,
    WHOLE,
    List,
    Map,
    Object,
    Shape,
    Value,
)
from app.api.native.documents import options, payload, schedule
from app.api.native.documents.schedule import ON_GAP, ON_OVERLAP
from app.domain import instants
from app.domain.dapr.schedule import DaprSchedule
from app.domain.job import Booking, Dialect, Job, ReadOnlyMembers
from app.domain.retry_policy import RetryPolicy
from app.domain.trigger import is_recurring
from app.errors import InvalidMember


class JobDocument(NamedTuple):
    """The members of a job, in the order in which they are written; None for one that is absent.

    On the wire `content_type` is called contentType, and so on. A member without a shape is a text.
    """

    # The order of the spec's example documents, then the extensions.
    id: Annotated[str | None, READ_ONLY] = None
    account: Annotated[str | None, READ_ONLY] = None
    url: str | None = None
    signature: str | None = None
    content_type: str | None = None
    data: Annotated[str | None, payload.DATA] = None
    data_encoding: Annotated[str | None, payload.ENCODING] = None
    data_omitted: Annotated[int | None, WHOLE] = None
    when: str | None = None
    cron: str | None = None
    timezone: str | None = None
    on_gap: Annotated[str | None, ON_GAP] = None
    on_overlap: Annotated[str | None, ON_OVERLAP] = None
    next: Annotated[str | None, READ_ONLY] = None
    enabled: Annotated[bool | None, FLAG] = None
    name: str | None = None
    tags: Annotated[Sequence[str] | None, List(item="tag", of=TEXT)] = None
    method: str | None = None
    headers: Annotated[Mapping[str, str] | None, Map(item="header")] = None
    timeout: Annotated[float | None, NUMBER] = None
    retry: Annotated[Mapping[str, Any] | None, options.RETRY] = None
    misfire: Annotated[str | None, options.MISFIRE] = None
    misfire_window: Annotated[float | None, NUMBER] = None
    on_success: str | None = None
    on_failure: str | None = None
    # Shown of a job that was booked in another dialect, as is `data_omitted`; never accepted.
    dialect: str | None = None
    endpoint: str | None = None
    schedule: str | None = None
    remaining: Annotated[int | None, WHOLE] = None


_SHOWN_ONLY: Final = frozenset({"dataOmitted", "dialect", "endpoint", "schedule", "remaining"})


def _on_the_wire(attribute: str) -> str:
    first, *others = attribute.split("_")
    return first + "".join(map(str.capitalize, others))


def _shapes() -> dict[str, Shape]:
    hints = get_type_hints(JobDocument, include_extras=True)
    return {
        name: getattr(hints[attribute], "__metadata__", (TEXT,))[0]
        for name, attribute in _ATTRIBUTES.items()
    }


_ATTRIBUTES: Final = {_on_the_wire(each): each for each in JobDocument._fields}
SHOWN: Final = Object(root="job", members=_shapes())
JOB: Final = Object(
    root="job",
    example='{"url": "https://…", "when": "…"}',
    members={name: shape for name, shape in SHOWN.members.items() if name not in _SHOWN_ONLY},
)
"""What is accepted; `to_booking` judges which members must be there."""


def read(body: Body) -> JobDocument:
    """The job document in the body; raises MalformedDocument and InvalidMember."""
    return of_members(reader.read(body, JOB))


def of_members(members: Mapping[str, Any]) -> JobDocument:
    """The document with these members, each in its shape, by their names on the wire."""
    return JobDocument(**{_ATTRIBUTES[name]: value for name, value in members.items()})


def members(document: JobDocument) -> Iterator[tuple[str, Value]]:
    """The members that are present, by their names on the wire, in the order of JobDocument."""
    for name, attribute in _ATTRIBUTES.items():
        value = getattr(document, attribute)
        if value is not None:
            yield name, value


def write(document: JobDocument, media_type: str) -> bytes:
    """The document in JSON or XML."""
    if media_type == negotiation.JSON:
        return generic_codec.to_json(JOB.root, dict(members(document)))
    return generic_codec.laid_out(to_element(document))


def to_element(document: JobDocument) -> etree._Element:
    """The job element; data that XML cannot hold is base64."""
    if document.data is not None and not xml_text.fits(document.data):
        encoded = payload.to_base64(document.data.encode())
        document = document._replace(data=encoded, data_encoding=payload.BASE64)
    return xml_codec.element_of(members(document), SHOWN)


def from_job(job: Job, *, data_omitted: int | None = None) -> JobDocument:
    """The document that shows a job of any dialect.

    `data_omitted` is the length of a payload that is left out.
    """
    booking = job.booking
    text, encoding = (None, None) if booking.data is None else payload.to_text(booking.data)
    call_options = booking.call_options
    return JobDocument(
        id=str(job.id),
        account=job.account,
        # The URL of another dialect's job is a path below its endpoint, which may move.
        url=None if booking.url.startswith("/") else booking.url,
        signature=booking.signature,
        content_type=booking.content_type,
        data=text,
        data_encoding=encoding,
        data_omitted=data_omitted,
        **schedule.render(booking.trigger),
        next=instants.format_utc(job.next_at)
        if is_recurring(booking.trigger) and job.next_at
        else None,
        enabled=None if booking.enabled else False,
        name=booking.name,
        tags=list(booking.tags) or None,
        method=call_options.method,
        headers=dict(call_options.headers) or None,
        timeout=options.without_zero_fraction(call_options.timeout),
        retry=options.render_retry(call_options.retry)
        if isinstance(call_options.retry, RetryPolicy)
        else None,
        misfire=booking.misfire.policy and str(booking.misfire.policy),
        misfire_window=options.without_zero_fraction(booking.misfire.window),
        on_success=booking.on_success,
        on_failure=booking.on_failure,
        dialect=None if booking.dialect is Dialect.NATIVE else str(booking.dialect),
        endpoint=booking.endpoint or None,
        schedule=booking.trigger.schedule if isinstance(booking.trigger, DaprSchedule) else None,
        remaining=booking.remaining,
    )


def to_booking(document: JobDocument) -> Booking:
    """The booking that the document asks for; raises InvalidMember."""
    if document.url is None:
        raise InvalidMember(
            "url", "url is missing.", remedy="Give the URL to call, as in https://example.com/wake."
        )
    return Booking(
        url=document.url,
        trigger=schedule.to_trigger(document),
        signature=document.signature,
        content_type=document.content_type,
        data=payload.to_bytes(document.data, document.data_encoding),
        enabled=document.enabled is not False,
        name=document.name,
        tags=tuple(document.tags or ()),
        call_options=options.to_call_options(
            document.method, document.headers, document.timeout, document.retry
        ),
        misfire=options.to_misfire(document.misfire, document.misfire_window),
        on_success=document.on_success,
        on_failure=document.on_failure,
    )


def read_only_members(document: JobDocument) -> ReadOnlyMembers:
    """The read-only members that the document repeats."""
    return ReadOnlyMembers(
        id=document.id and document.id.lower(), account=document.account, next=document.next
    )
