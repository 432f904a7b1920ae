import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from app.api import xml_text
from app.api.native.documents import job as job_document
from app.domain.call_options import METHODS, CallOptions
from app.domain.clocks import OnGap, OnOverlap
from app.domain.instants import format_utc
from app.domain.job import Booking, Job
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.retry_policy import Backoff, RetryPolicy
from app.domain.trigger import Trigger
from app.errors import Refused
from tests.api.native.job_documents import FORMATS, read, read_json, read_xml, write

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
INSTANTS = st.integers(0, 10**17).map(
    lambda microseconds: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
TRIGGERS: st.SearchStrategy[Trigger] = st.one_of(
    st.builds(At, instant=INSTANTS),
    st.builds(
        Cron,
        expression=st.sampled_from(["0 15 10 ? * *", "0 0 12 ? * MON#5", "0 0 0 L * ?"]),
        local=st.none()
        | st.builds(
            Local,
            timezone=st.sampled_from(["Europe/Berlin", "UTC"]),
            on_gap=st.none() | st.sampled_from(OnGap),
            on_overlap=st.none() | st.sampled_from(OnOverlap),
        ),
    ),
)
DATA = st.one_of(st.none(), st.binary(max_size=100), st.text(max_size=40).map(str.encode))
SECONDS = st.integers(1, 86_400) | st.floats(1, 86_400)
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=10)
RETRIES = st.builds(
    RetryPolicy,
    max_attempts=st.none() | st.integers(1, 20),
    schedule=st.none() | st.lists(SECONDS, min_size=1, max_size=3).map(tuple),
    backoff=st.none()
    | st.builds(
        Backoff,
        initial=SECONDS,
        factor=st.none() | st.floats(1, 10),
        max=st.none() | SECONDS,
    ),
    max_age=st.none() | SECONDS,
    # A retry without members is as good as none, and so read back.
).filter(lambda policy: policy != RetryPolicy())
CALL_OPTIONS = st.builds(
    CallOptions,
    method=st.none() | st.sampled_from(METHODS),
    headers=st.dictionaries(VISIBLE, VISIBLE, max_size=3).map(lambda all_: tuple(all_.items())),
    timeout=st.none() | st.floats(1, 60),
    retry=st.none() | RETRIES,
)
BOOKINGS = st.builds(
    Booking,
    url=VISIBLE.map("https://example.com/{}".format),
    trigger=TRIGGERS,
    signature=st.none() | VISIBLE,
    content_type=st.none() | VISIBLE,
    data=DATA,
    enabled=st.booleans(),
    name=st.none() | WORDS,
    tags=st.lists(WORDS, max_size=3).map(tuple),
    call_options=CALL_OPTIONS,
    misfire=st.builds(
        Misfire, policy=st.none() | st.sampled_from(MisfirePolicy), window=st.none() | SECONDS
    ),
    on_success=st.none() | VISIBLE,
    on_failure=st.none() | VISIBLE,
)


def stored(booking: Booking, next_at: datetime) -> Job:
    return Job(
        id=UUID("03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"),
        account="example",
        version=1,
        next_at=next_at,
        booking=booking,
    )


@settings(deadline=None)
@given(BOOKINGS, INSTANTS)
def test_a_job_reads_back_the_same_in_json_and_xml(booking: Booking, next_at: datetime) -> None:
    shown = job_document.from_job(stored(booking, next_at))
    for suffix in FORMATS:
        sent = read(write(shown, suffix), suffix)
        assert job_document.to_booking(sent) == booking
        echo = job_document.read_only_members(sent)
        assert (echo.id, echo.account) == (shown.id, shown.account)
        assert echo.next == (format_utc(next_at) if isinstance(booking.trigger, Cron) else None)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_text_in_data_means_the_same_in_every_format(text: str) -> None:
    members = {"url": "http://a/", "cron": "0 15 10 ? * *", "data": text}
    booked = [job_document.to_booking(read_json(json.dumps(members).encode()))]
    if xml_text.fits(text):
        root = etree.Element("job")
        for name, value in members.items():
            etree.SubElement(root, name).text = value
        booked += [
            job_document.to_booking(
                read_xml(cast("bytes", etree.tostring(root, encoding=encoding)))
            )
            for encoding in ("utf-8", "utf-16", "us-ascii", "iso-8859-1")
        ]
    members |= {"data": b64encode(text.encode()).decode(), "dataEncoding": "base64"}
    booked.append(job_document.to_booking(read_json(json.dumps(members).encode())))
    assert {booking.data for booking in booked} == {text.encode()}


NAMES = (b"url", b"tags", b"headers", b"timeout", b"retry")
SCRAPS = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b'"a"', b":", b",", b"1", b"-1.5e3", b"null", b'"schedule"'),
        *(b"<tag>", b"</tag>", b'<header name="X">', b"</header>", b"<!---->", b"<backoff>"),
        *(b"</backoff>", b"<initial>1</initial>", b"<maxAge/>", b"<schedule><wait>1</wait>"),
        *(b"</schedule>", b'"backoff":{"initial":1}', b'"maxAttempts":2'),
    ]
)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.lists(SCRAPS, max_size=12).map(b"".join))
def test_no_bytes_break_a_codec(body: bytes) -> None:
    for suffix in FORMATS:
        for wrapped in (
            body,
            *(b'{"%b": %b}' % (name, body) for name in NAMES),
            *(b"<job><%b>%b</%b></job>" % (name, body, name) for name in NAMES),
        ):
            try:
                found = read(wrapped, suffix)
            except Refused as refusal:
                written = refusal.message.encode()
            else:
                written = write(found, suffix)
                assert read(written, suffix) == found
            assert written
