from dataclasses import replace
from typing import cast
from uuid import UUID

import pytest

from app.api.native.documents import job as job_document
from app.api.native.documents.job import JobDocument
from app.api.native.documents.job_list import LAYOUTS
from app.api.native.routes import responses, spool
from app.domain import instants
from app.domain.call_options import CallOptions
from app.domain.clocks import OnGap, OnOverlap
from app.domain.instants import format_utc
from app.domain.job import Booking, Job
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.retry_policy import RetryPolicy
from app.errors import MalformedDocument
from tests.api.golden import golden
from tests.api.native.job_documents import FORMATS, read, read_json, write

ID = UUID("03ba07bc-0c8b-4a82-9a47-c65e7a8d24af")
INSTANT = instants.parse("2011-05-11T15:30:00Z", member="when")

RECURRING = Job(
    id=ID,
    account="example",
    version=1,
    next_at=INSTANT,
    booking=Booking(
        url="https://example.com/my-callback",
        trigger=Cron(expression="0 15 10 ? * *"),
        enabled=True,
    ),
)
SINGLE = Job(
    id=ID,
    account="example",
    version=1,
    next_at=INSTANT,
    booking=Booking(
        url="https://example.com/my-callback",
        trigger=At(instant=INSTANT),
        signature="507aaa0733464499847c930db95983f8994ae266",
        content_type="text/plain",
        data=b"testing",
        enabled=True,
    ),
)
OPTIONS = replace(
    RECURRING,
    booking=replace(
        RECURRING.booking,
        name="invoices",
        tags=("billing", "nightly run"),
        call_options=CallOptions(
            method="PUT",
            headers=(("Authorization", "Bearer abc"), ("X-Shop", "a <b> & c")),
            timeout=2.5,
            retry=RetryPolicy(max_attempts=5, schedule=(1, 2.5, 60), max_age=3600),
        ),
        misfire=Misfire(policy=MisfirePolicy.ALL, window=86_400),
        on_success="https://example.com/done?a=1&b=2",
        on_failure="https://example.com/failed",
    ),
)
ZONED = replace(
    RECURRING,
    booking=replace(
        RECURRING.booking,
        trigger=Cron(
            expression="0 30 2 ? * SUN",
            local=Local(timezone="America/New_York", on_gap=OnGap.NEXT, on_overlap=OnOverlap.FIRST),
        ),
    ),
)
JOBS = {"recurring": RECURRING, "single": SINGLE, "options": OPTIONS, "zoned": ZONED}


@pytest.mark.parametrize("kind", JOBS)
def test_a_job_is_written_as_in_the_spec(kind: str) -> None:
    written = job_document.from_job(JOBS[kind])
    assert write(written, "json") == golden(f"{kind}.response.json")
    assert write(written, "xml") == golden(f"{kind}.response.xml")


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_request_as_in_the_spec_is_read(kind: str, suffix: str) -> None:
    job = JOBS[kind]
    assert job_document.to_booking(read(golden(f"{kind}.request.{suffix}"), suffix)) == Booking(
        url=job.booking.url,
        trigger=job.booking.trigger,
        signature=job.booking.signature,
        content_type=job.booking.content_type,
        data=job.booking.data,
        name=job.booking.name,
        tags=job.booking.tags,
        call_options=job.booking.call_options,
        misfire=job.booking.misfire,
        on_success=job.booking.on_success,
        on_failure=job.booking.on_failure,
    )


@pytest.mark.parametrize("kind", JOBS)
def test_what_an_answer_shows_can_be_sent_back(kind: str) -> None:
    for suffix in FORMATS:
        sent = read(golden(f"{kind}.response.{suffix}"), suffix)
        assert sent == job_document.from_job(JOBS[kind])
        echo = job_document.read_only_members(sent)
        assert (echo.id, echo.account) == (str(ID), "example")
        assert echo.next == (None if kind == "single" else format_utc(INSTANT))


@pytest.mark.parametrize("name", ["recurring.request", "recurring.response"])
def test_the_broken_json_printed_in_the_spec_is_refused(name: str) -> None:
    with pytest.raises(MalformedDocument, match=r"not JSON: .* \(line \d, column \d"):
        read_json(golden(f"{name}.as-printed.json"))


def test_the_text_answer_is_the_bare_id() -> None:
    assert responses.render_job(SINGLE, "text/plain").data == golden("created.response.txt")


@pytest.mark.parametrize(
    ("media_type", "suffix"),
    [
        ("text/plain", "txt"),
        ("application/json", "json"),
        ("text/xml", "xml"),
        ("application/xml", "xml"),
    ],
)
def test_a_list_is_laid_out_as_in_the_spec(media_type: str, suffix: str) -> None:
    pieces = LAYOUTS[media_type].pieces(cast("list[UUID]", ["1", "2", "3"]))
    assert b"".join(pieces) == golden(f"list.response.{suffix}")


@pytest.mark.parametrize("media_type", LAYOUTS)
@pytest.mark.parametrize("count", [0, 1, 2, 1999, 2000, 2001, 40_000])
def test_the_length_of_a_list_follows_from_its_count(media_type: str, count: int) -> None:
    layout = LAYOUTS[media_type]
    ids = (UUID(int=number) for number in range(count))
    spooled = spool.spool(layout, count, ids, account_id=1, folder=None)
    body = b"".join(spooled)
    spooled.close()
    assert len(body) == layout.length(count)
    assert body.count(b"-0000-") >= count


def test_only_a_paused_job_says_whether_it_is_enabled() -> None:
    written = write(JobDocument(url="http://a/", enabled=False), "xml")
    assert written == b"<job>\n  <url>http://a/</url>\n  <enabled>false</enabled>\n</job>"
    assert job_document.from_job(SINGLE).enabled is None
