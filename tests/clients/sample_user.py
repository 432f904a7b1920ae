"""A program of a user of the library, as types see it; it is checked, and never run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import assert_type

from wakecall import (
    AsyncClient,
    Call,
    Client,
    JobOptions,
    NewJob,
    NoAnswer,
    ProblemError,
    Retries,
    Webhook,
)
from wakecall.models import Attempt, Job, Run


def book() -> None:
    """Bookings, lists and errors."""
    with Client("key", url="https://wakecall.example.com", retries=Retries(2)) as client:
        job = client.jobs.book("https://example.com/wake", after=timedelta(minutes=10), json=[7])
        assert_type(job, Job)
        assert_type(job.next, datetime | None)
        options: JobOptions = {"cron": "0 9 * * 1-5", "tags": ["billing"]}
        client.jobs.book("https://example.com/wake", **options)
        client.jobs.book_many([NewJob(url="https://example.com/wake", when=datetime.now(UTC))])
        for run in client.runs.list(state=["failed", "dead"], limit=10):
            assert_type(run, Run)
            assert_type(run.attempts, tuple[Attempt, ...])
        client.jobs.book(7)  # type: ignore[arg-type] # a URL is a text
        client.jobs.book("https://example.com", misfire="never")  # type: ignore[arg-type] # of three
        client.jobs.book("https://example.com", colour="red")  # type: ignore[call-arg] # unknown
        client.runs.list(state="lost")  # type: ignore[arg-type] # unknown
        job.name = "other"  # type: ignore[misc] # a job is frozen
    try:
        client.account()
    except ProblemError as error:
        assert_type(error.member, str | None)
    except NoAnswer as error:
        assert_type(error.idempotency_key, str | None)


async def book_async() -> None:
    """The same for asyncio."""
    async with AsyncClient() as client:
        assert_type(await client.jobs.get("7"), Job)
        async for job in client.jobs.list(tags=["billing"]):
            assert_type(job, Job)


def receive(body: bytes, headers: dict[str, str], raw: list[tuple[bytes, bytes]]) -> Call:
    """Calls as frameworks have them."""
    webhook = Webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    webhook.verify(body, raw)
    webhook.verify("text", headers)  # type: ignore[arg-type] # the reason is in the error
    return webhook.verify(body, headers)


if __name__ == "__main__":
    book()
    asyncio.run(book_async())
