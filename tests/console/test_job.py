"""The page of a job, its actions, and what it shows of requests and retries."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from app.console import job_text, retry_chart, snippets
from app.delivery.request import TIMEOUT, Delivery, build
from app.domain.call_options import CallOptions
from app.domain.job import Booking, Job
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.retry_policy import Backoff, Constant, RetryPolicy
from app.domain.role import Role
from app.domain.run import RunState
from app.domain.trigger import Trigger
from app.errors import NotFound
from tests.console.job_scene import HOSTILE, add_run, book, book_by_dapr, get, text
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.factories import one

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
ABSENT = UUID(int=0x01A2029002A579128F6B3EECFD25D680)


def page_of(person: SignedIn, job_id: UUID) -> str:
    return person.get(f"/console/jobs/{job_id}")


def test_a_job_shows_what_it_does_next_and_what_clocks_do_to_it(signed_in: SignedIn) -> None:
    job_id = book(signed_in, cron="0 30 2 ? * SUN", timezone="America/New_York")
    shown = text(check_page(page_of(signed_in, job_id)).get_element_by_id("main"))
    assert "at 02:30 on Sunday, America/New_York" in shown
    assert shown.count("02:30:00 -05:00") + shown.count("02:30:00 -04:00") == 5
    assert re.search(r"02:30 does not exist and is skipped\.", shown)
    assert "For missed firings, one call is made" in shown


def test_the_page_of_a_job_offers_the_zone_of_the_job(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    job_id = book(signed_in, timezone="Asia/Kathmandu")
    add_run(connection, signed_in, job_id)
    page = check_page(page_of(signed_in, job_id))
    offered = {each.get("value"): text(each) for each in page.xpath("//button[@name='zone']")}
    assert offered == {"utc": "UTC", "job": "Asia/Kathmandu"}
    assert signed_in.post("/console/display", {"zone": "job"}).status_code == 303
    page = check_page(page_of(signed_in, job_id))
    assert "Times in Asia/Kathmandu" in text(page)
    assert "+05:45" in page.xpath("string(//section[@aria-labelledby='h-runs'])")
    assert "Times in UTC" in signed_in.get("/console/jobs")


def test_a_job_shows_its_request_with_values_that_are_hidden_at_first(signed_in: SignedIn) -> None:
    job_id = book(
        signed_in,
        url="https://example.com/wake?a=1",
        method="PUT",
        data='{"n": 12345678901234567890, "x": 1.50}',
        headers={"X-Secret": "s3cret"},
    )
    document = check_page(page_of(signed_in, job_id))
    request = document.xpath("//div[contains(@class, 'request')]")[0]
    assert text(request).startswith("PUT /wake?a=1 HTTP/1.1 Host: example.com")
    hidden = request.xpath(".//details[not(@open)]")
    assert [text(each) for each in hidden] == ["•••••• show s3cret"]
    assert '{ "n": 12345678901234567890, "x": 1.50 }' in text(document)
    assert '{"n": 12345678901234567890, "x": 1.50}' in text(document)
    assert "8 attempts: at the due time, then after 5 s, 5 min" in text(document)


def test_bytes_that_are_no_text_are_shown_as_hex(signed_in: SignedIn) -> None:
    job_id = book(signed_in, data="AP8=", dataEncoding="base64")
    shown = text(check_page(page_of(signed_in, job_id)))
    assert "2 bytes, which are not text" in shown
    assert "000000 00 ff" in shown


def test_text_of_clients_is_never_markup(signed_in: SignedIn) -> None:
    job_id = book(
        signed_in,
        name=HOSTILE,
        tags=[HOSTILE],
        data=HOSTILE,
        headers={"X-A": HOSTILE},
        contentType=HOSTILE,
        url="https://example.com/?<script>alert(1)</script>",
        onFailure="https://example.com/?<script>alert(2)</script>",
    )
    for path in ("", "/edit", "/delete"):
        page = signed_in.get(f"/console/jobs/{job_id}{path}")
        check_page(page)
        assert "<script>alert" not in page
        assert HOSTILE in text(check_page(page))
    for path in (f"new?from={job_id}", f"selected?action=pause&id={job_id}"):
        page = signed_in.get(f"/console/jobs/{path}")
        check_page(page)
        assert "<script>alert" not in page


def test_a_job_is_called_paused_resumed_and_deleted_by_forms(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    job_id = book(signed_in)
    path = f"/console/jobs/{job_id}"
    for action, notice in (
        ("fire", "The job is being called"),
        ("pause", "The job is paused"),
        ("resume", "The job is resumed"),
    ):
        moved = signed_in.post(f"{path}/{action}")
        assert (moved.status_code, moved.headers["Location"]) == (303, path)
        assert notice in signed_in.get(path)
    assert one(connection, "SELECT count(*) FROM inflight WHERE kind = 'manual'") == 1
    assert "The job is no longer called" in signed_in.get(f"{path}/delete")
    moved = signed_in.post(f"{path}/delete")
    assert (moved.status_code, moved.headers["Location"]) == (303, "/console/jobs")
    with pytest.raises(NotFound):
        get(signed_in, job_id)


def test_an_action_returns_to_pages_of_the_console_only(signed_in: SignedIn) -> None:
    job_id = book(signed_in)
    for target, wanted in (
        ("/console/jobs?tag=a", "/console/jobs?tag=a"),
        ("https://evil.example/", f"/console/jobs/{job_id}"),
        ("//evil.example/console/", f"/console/jobs/{job_id}"),
    ):
        moved = signed_in.post(f"/console/jobs/{job_id}/pause", {"next": target})
        assert moved.headers["Location"] == wanted


@pytest.mark.parametrize("path", ["", "/edit", "/delete", "/result"])
def test_a_job_of_another_account_is_as_unknown_as_none(
    signed_in: SignedIn, other_user: SignedIn, path: str
) -> None:
    job_id = book(signed_in)
    for unknown in (job_id, ABSENT):
        answer = other_user.client.get(f"/console/jobs/{unknown}{path}")
        assert answer.status_code == 404
        check_page(answer.data)


@pytest.mark.parametrize("action", ["fire", "pause", "resume", "delete", "edit"])
def test_nobody_acts_on_a_job_of_another_account_or_without_the_role(
    signed_in: SignedIn, other_user: SignedIn, action: str
) -> None:
    job_id = book(signed_in)
    before = get(signed_in, job_id)
    assert other_user.post(f"/console/jobs/{job_id}/{action}").status_code == 404
    reader = signed_in.with_role(Role.READER)
    assert reader.post(f"/console/jobs/{job_id}/{action}").status_code == 403
    assert signed_in.client.post(f"/console/jobs/{job_id}/{action}").status_code == 403
    assert get(signed_in, job_id) == before


def test_a_reader_sees_a_job_without_its_actions(signed_in: SignedIn) -> None:
    job_id = book(signed_in, name="invoices")
    document = check_page(page_of(signed_in.with_role(Role.READER), job_id))
    assert "invoices" in text(document)
    assert not document.xpath("//main//form | //main//dialog")


def test_a_job_that_has_ended_is_shown_by_its_runs(
    signed_in: SignedIn, other_user: SignedIn, connection: psycopg.Connection
) -> None:
    job_id = book(signed_in)
    add_run(connection, signed_in, job_id, RunState.FAILED)
    signed_in.post(f"/console/jobs/{job_id}/delete")
    shown = text(check_page(page_of(signed_in, job_id)))
    assert "This job has ended." in shown
    assert "1 failed" in shown
    assert other_user.client.get(f"/console/jobs/{job_id}").status_code == 404


def test_a_dapr_job_shows_its_own_words_and_is_not_edited(signed_in: SignedIn) -> None:
    job_id = book_by_dapr(signed_in, "poll", data={"a": 1}, repeats=3)
    document = check_page(page_of(signed_in, job_id))
    assert "every hour, 3 more times" in text(document)
    assert "is the Dapr job" in text(document)
    assert "Dapr app app" in text(document)
    assert not document.xpath("//main//a[contains(@href, '/edit') or contains(@href, 'from=')]")
    for answer in (
        signed_in.client.get(f"/console/jobs/{job_id}/edit"),
        signed_in.post(f"/console/jobs/{job_id}/edit", {"do": "book"}),
    ):
        assert answer.status_code == 409
        assert "is the Dapr job" in answer.text
    assert signed_in.post(f"/console/jobs/{job_id}/pause").status_code == 303
    assert not get(signed_in, job_id).booking.enabled


def job_of(trigger: Trigger, **members: object) -> Job:
    booking = Booking(url="https://example.com/wake", trigger=trigger, **members)  # type: ignore[arg-type] # of the test
    return Job(id=ABSENT, account="demo", version=1, next_at=NOW, booking=booking)


CRON = Cron(expression="0 15 10 ? * *")


@pytest.mark.parametrize(
    ("trigger", "misfire", "sentence"),
    [
        (CRON, Misfire(), "For missed firings, one call is made, with the number of firings"),
        (CRON, Misfire(policy=MisfirePolicy.ALL), "All missed firings are made"),
        (CRON, Misfire(policy=MisfirePolicy.SKIP), "more than 60 seconds late are skipped"),
        (CRON, Misfire(window=90.5), "more than 90.5 seconds late"),
        (At(instant=NOW), Misfire(), "If the call cannot be made on time, it is made as soon"),
        (At(instant=NOW), Misfire(window=5), "cannot be made within 5 seconds, it is skipped"),
    ],
)
def test_missed_firings_are_explained_in_a_sentence(
    trigger: Trigger, misfire: Misfire, sentence: str
) -> None:
    assert sentence in job_text.misfire(job_of(trigger, misfire=misfire))


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("data", [None, b"x"])
def test_the_request_has_the_headers_that_are_sent(method: str, data: bytes | None) -> None:
    options = CallOptions(method=method, headers=(("X-Team", "billing"),))
    job = job_of(CRON, call_options=options, signature="sig", data=data)
    call = build(
        Delivery(
            run_id=ABSENT,
            job_id=ABSENT,
            url=job.booking.url,
            content_type=None,
            signature="sig",
            data=data,
            due_at=NOW,
            attempt=1,
            call_options=options,
            completion_token="t",
        ),
        [],
        0,
    )
    sent = [line.partition(":")[0] for line in (*call.headers, *call.own)]
    shown = list(job_text.headers(job))
    assert [each.name for each in shown] == ["Host", *sent]
    assert [each.name for each in shown if each.is_own] == ["X-Team"]
    assert job_text.request_line(job) == f"{method} /wake HTTP/1.1"
    assert job_text.DEFAULT_TIMEOUT == TIMEOUT


@pytest.mark.parametrize(
    ("policy", "offsets", "sentence"),
    [
        (RetryPolicy(max_attempts=1), [0], "One attempt, at the due time, and no retry."),
        (
            RetryPolicy(schedule=(1, 5)),
            [0, 1, 6],
            "3 attempts: at the due time, then after 1 s, 5 s. The last one is 6 s after the",
        ),
        (
            RetryPolicy(max_attempts=4, backoff=Backoff(initial=60, factor=2, max=90)),
            [0, 60, 150, 240],
            "4 attempts: at the due time, then after 1 min, 1 min 30 s, 1 min 30 s.",
        ),
        (RetryPolicy(schedule=(10, 100), max_age=50), [0, 10], "2 attempts"),
        (Constant(1, 3), [0, 1, 2, 3], "4 attempts: at the due time, then after 1 s, 1 s, 1 s."),
        (Constant(0, 0), [0], "One attempt"),
    ],
)
def test_attempts_are_listed_and_drawn(
    policy: RetryPolicy | Constant, offsets: list[float], sentence: str
) -> None:
    ladder = retry_chart.steps_of(policy)
    assert list(ladder.offsets) == offsets
    assert retry_chart.in_words(ladder).startswith(sentence)
    chart = str(retry_chart.chart(ladder))
    assert chart.count("<circle") == len(offsets)
    assert "style=" not in chart


def test_attempts_without_end_are_cut() -> None:
    ladder = retry_chart.steps_of(Constant(1, None))
    assert (len(ladder.offsets), ladder.is_cut) == (retry_chart.MAX_SHOWN, True)
    assert retry_chart.in_words(ladder).endswith(" and so on.")


def test_programs_hold_the_document_whatever_is_in_it() -> None:
    document = {"url": "https://example.com/'\"`${x}\\", "data": "é\n</script>", "timeout": 1.5}
    python = snippets.python("https://w.example", document)
    scope: dict[str, object] = {}
    exec(python[python.index("job = ") : python.index("request = ")], scope)
    assert scope["job"] == document
    node = snippets.node("https://w.example", document)
    assert json.loads(node[node.index("{") : node.index("};") + 1]) == document
