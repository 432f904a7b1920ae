import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from app.api import xml_text
from app.api.native import document, json_codec, xml_codec
from app.domain.clocks import OnGap, OnOverlap
from app.domain.job import Booking, Job
from app.domain.trigger import At, Cron, Local, Trigger
from app.errors import Refused

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
BOOKINGS = st.builds(
    Booking,
    url=VISIBLE.map("https://example.com/{}".format),
    trigger=TRIGGERS,
    signature=st.none() | VISIBLE,
    content_type=st.none() | VISIBLE,
    data=DATA,
    enabled=st.booleans(),
)


def stored(booking: Booking, next_at: datetime) -> Job:
    return Job(
        id=UUID("03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"),
        account="example",
        version=1,
        url=booking.url,
        trigger=booking.trigger,
        signature=booking.signature,
        content_type=booking.content_type,
        data=booking.data,
        enabled=booking.enabled,
        next_at=next_at,
    )


@settings(deadline=None)
@given(BOOKINGS, INSTANTS)
def test_a_job_reads_back_the_same_in_json_and_xml(booking: Booking, next_at: datetime) -> None:
    shown = document.of_job(stored(booking, next_at))
    for codec in (json_codec, xml_codec):
        read = codec.read(codec.write(shown))
        assert document.booking(read) == booking
        echo = document.echo(read)
        assert (echo.id, echo.account) == (shown.id, shown.account)
        assert echo.next == (next_at if isinstance(booking.trigger, Cron) else None)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_text_in_data_means_the_same_in_every_format(text: str) -> None:
    members = {"url": "http://a/", "cron": "0 15 10 ? * *", "data": text}
    booked = [document.booking(json_codec.read(json.dumps(members).encode()))]
    if xml_text.fits(text):
        root = etree.Element("job")
        for name, value in members.items():
            etree.SubElement(root, name).text = value
        booked += [
            document.booking(xml_codec.read(cast("bytes", etree.tostring(root, encoding=encoding))))
            for encoding in ("utf-8", "utf-16", "us-ascii", "iso-8859-1")
        ]
    members |= {"data": b64encode(text.encode()).decode(), "dataEncoding": "base64"}
    booked.append(document.booking(json_codec.read(json.dumps(members).encode())))
    assert {booking.data for booking in booked} == {text.encode()}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_a_codec(body: bytes) -> None:
    for codec in (json_codec, xml_codec):
        for wrapped in (body, b'{"url": ' + body + b"}", b"<job><url>" + body + b"</url></job>"):
            try:
                read = codec.read(wrapped)
            except Refused as refusal:
                told = refusal.message.encode()
            else:
                told = codec.write(read)
                assert codec.read(told) == read
            assert told
