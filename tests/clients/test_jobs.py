"""Tests of wakecall.Client.jobs against the application."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from wakecall import Client, Conflict, InvalidMember, NewJob, NotFound
from wakecall.models import Backoff, RetryPolicy

URL = "https://example.com/wake"
WHEN = datetime(2031, 5, 11, 15, 30, tzinfo=UTC)


def test_a_job_is_booked_and_read_back_whole(client: Client) -> None:
    policy = RetryPolicy(max_attempts=3, schedule=(timedelta(seconds=1), timedelta(minutes=1)))
    booked = client.jobs.book(
        URL,
        when=WHEN,
        data=b"\xff\x00",
        content_type="image/x-nothing",
        signature="own",
        name="whole",
        tags=["a", "b"],
        method="PUT",
        headers={"X-Shop": "7"},
        timeout=timedelta(seconds=2.5),
        retry=policy,
        on_failure="https://example.com/lost",
    )
    read = client.jobs.get(booked.id)
    assert read == booked
    assert (read.when, read.data, read.tags) == (WHEN, b"\xff\x00", ("a", "b"))
    assert (read.headers, read.timeout) == ({"X-Shop": "7"}, timedelta(seconds=2.5))
    assert read.retry == policy
    assert read.extra == {}
    assert client.jobs.by_name("whole") == booked


def test_a_payload_is_a_text_or_a_value_of_json(client: Client) -> None:
    assert client.jobs.book(URL, when=WHEN, data="Grüße").text == "Grüße"
    booked = client.jobs.book(URL, when=WHEN, json={"order": 7})
    assert (booked.json(), booked.content_type) == ({"order": 7}, "application/json")


def test_a_job_is_due_after_a_span(client: Client) -> None:
    before = datetime.now(UTC)
    booked = client.jobs.book(URL, after="1h30m")
    assert booked.when is not None
    span = booked.when - before
    assert timedelta(minutes=90) <= span < timedelta(minutes=91)


def test_a_recurring_job_has_its_next_firing(client: Client) -> None:
    backoff = RetryPolicy(backoff=Backoff(initial=timedelta(seconds=2), factor=3))
    booked = client.jobs.book(
        URL, cron="0 15 10 ? * *", timezone="Europe/Berlin", on_gap="next", retry=backoff
    )
    assert booked.next is not None
    assert booked.next > datetime.now(UTC)
    assert booked.retry == backoff


def test_many_jobs_are_booked_or_none(client: Client) -> None:
    made = client.jobs.book_many(NewJob(url=f"{URL}/{number}", when=WHEN) for number in range(3))
    assert [job.url for job in made] == [f"{URL}/{number}" for number in range(3)]
    with pytest.raises(InvalidMember) as caught:
        client.jobs.book_many([NewJob(url=URL, when=WHEN), NewJob(url="ftp://x", when=WHEN)])
    assert caught.value.member == "[1].url"
    assert caught.value.remedy == "Use http or https."
    assert set(client.jobs.ids()) == {job.id for job in made}


def test_a_checked_job_is_not_booked(client: Client) -> None:
    checked = client.jobs.check(URL, when=WHEN, name="checked")
    assert (checked.id, checked.name) == ("", "checked")
    assert list(client.jobs.ids()) == []


def test_a_job_is_put_by_its_name(client: Client) -> None:
    made = client.jobs.put("daily/one", URL, cron="0 15 10 ? * *")
    assert made.outcome == "created"
    same = client.jobs.put("daily/one", URL, cron="0 15 10 ? * *")
    assert (same.job, same.outcome) == (made.job, "unchanged")
    tried = client.jobs.put("daily/one", URL, cron="0 15 11 ? * *", dry_run=True)
    assert (tried.job.cron, tried.outcome) == ("0 15 11 ? * *", "replaced")
    assert client.jobs.by_name("daily/one") == made.job
    other = client.jobs.put("daily/one", URL, cron="0 15 11 ? * *")
    assert (other.job.id, other.job.cron) == (made.job.id, "0 15 11 ? * *")
    assert other.outcome == "replaced"
    client.jobs.delete_by_name("daily/one")
    with pytest.raises(NotFound):
        client.jobs.by_name("daily/one")


def test_a_job_is_replaced_paused_resumed_fired_and_deleted(client: Client) -> None:
    job = client.jobs.book(URL, cron="0 15 10 ? * *")
    assert client.jobs.replace(job, URL, cron="0 15 11 ? * *").cron == "0 15 11 ? * *"
    assert not client.jobs.pause(job).enabled
    assert client.jobs.resume(job).enabled
    run = client.jobs.fire(job)
    assert (run.job, run.kind, run.is_over) == (job.id, "manual", False)
    assert [each.id for each in client.jobs.runs(job)] == [run.id]
    client.jobs.delete(job)
    with pytest.raises(NotFound) as caught:
        client.jobs.get(job)
    assert caught.value.request_id


def test_lists_are_filtered_and_go_over_all_pages(client: Client) -> None:
    client.jobs.book_many(
        NewJob(url=URL, when=WHEN, name=f"n{each}", tags=["x"]) for each in range(5)
    )
    client.jobs.book(URL, cron="0 15 10 ? * *", enabled=False)
    assert [job.name for job in client.jobs.list(sort="name", tags=["x"], limit=4)] == [
        "n0",
        "n1",
        "n2",
        "n3",
    ]
    assert len(list(client.jobs.list(enabled=False))) == 1
    first = client.jobs.list(sort="name", limit=2).first()
    assert first.next_cursor is not None
    rest = client.jobs.list(sort="name", cursor=first.next_cursor)
    assert [job.name for job in rest] == ["n2", "n3", "n4"]
    assert len(list(client.jobs.ids(tags=["x"]))) == 5


def test_a_name_that_is_taken_is_a_conflict(client: Client) -> None:
    client.jobs.book(URL, when=WHEN, name="taken")
    with pytest.raises(Conflict) as caught:
        client.jobs.book(URL, when=WHEN, name="taken")
    assert caught.value.member == "name"
    assert not caught.value.may_be_done
