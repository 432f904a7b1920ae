"""The Python client against a running service: booking, receiving, completing, redelivering."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from local.instance import CHECKOUT
from tests.e2e.instance import Instance
from tests.receiver import Received, Receiver, answer, in_turn
from wakecall import AsyncClient, Call, Client, NewJob, NotFound, Webhook, complete_later

PAGES = (CHECKOUT / "docs" / "python.md", CHECKOUT / "clients" / "python" / "README.md")
PATIENCE = timedelta(seconds=60)


@pytest.fixture
def client(running: Instance) -> Iterator[Client]:
    with Client(running.key, url=f"http://127.0.0.1:{running.port}") as made:
        yield made


def verified(client: Client, request: Received) -> Call:
    webhook = Webhook(*(secret.value for secret in client.secrets.list()))
    return webhook.verify(request.body, request.headers)


def test_a_job_is_booked_called_verified_and_waited_for(client: Client, receiver: Receiver) -> None:
    job = client.jobs.book(receiver.url("/wake"), after="1s", json={"order": 7})
    run = client.wait_for(job, PATIENCE)
    (request,) = receiver.wait_for(1)
    call = verified(client, request)
    assert (call.id, call.job, call.attempt, call.due) == (run.id, job.id, 1, job.when)
    assert (call.json(), call.content_type) == ({"order": 7}, "application/json")
    assert (run.state, [attempt.status for attempt in run.attempts]) == ("succeeded", [204])
    assert timedelta() <= run.attempts[0].lateness < PATIENCE
    with pytest.raises(NotFound):
        client.jobs.get(job)


def test_a_receiver_reports_later_with_the_token_of_its_call_alone(
    client: Client, receiver: Receiver, running: Instance
) -> None:
    receiver.default = answer(202, tuple(complete_later(within="1m").items()))
    job = client.jobs.book(receiver.url("/later"), after="1s")
    call = verified(client, receiver.wait_for(1)[0])
    with Client(url=f"http://127.0.0.1:{running.port}") as keyless:
        run = keyless.runs.complete(call.id, "failed", message="no disk", token=call.token)
        # Where the callback is still being answered, the completion is kept until it is.
        assert run.id == call.id
    done = client.wait_for(job, PATIENCE)
    assert (done.state, done.reason) == ("failed", "no disk")


def test_failed_runs_are_found_counted_and_sent_again(client: Client, receiver: Receiver) -> None:
    receiver.default = in_turn(answer(500), answer(500), answer(204))
    jobs = client.jobs.book_many(
        NewJob(url=receiver.url(f"/{number}"), after="1s", retry={"maxAttempts": 1})
        for number in range(2)
    )
    first, second = (client.wait_for(job, PATIENCE) for job in jobs)
    assert (first.state, second.state) == ("failed", "failed")
    began = min(first.due, second.due)
    assert client.runs.redeliver_all(after=began, host="127.0.0.1").count >= 2
    assert client.runs.redeliver_all(job=first.job, dry_run=False).count == 1
    again = client.wait_for(client.runs.get(first), PATIENCE)
    assert (again.state, again.id, len(again.attempts)) == ("succeeded", first.id, 2)
    assert [each.number for each in client.runs.attempts(first)] == [2, 1]
    assert client.runs.redeliver(second).id == second.id
    assert client.wait_for(second, PATIENCE).is_over
    counted = client.runs.counts(after=datetime.now(UTC) - timedelta(hours=1))
    assert sum(bucket.succeeded for bucket in counted) >= 2


def test_every_example_of_the_pages_runs(
    running: Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAKECALL_URL", f"http://127.0.0.1:{running.port}")
    monkeypatch.setenv("WAKECALL_KEY", running.key)
    monkeypatch.setenv("WAKECALL_SECRETS", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    ran = 0
    for page in PAGES:
        for block in re.findall(r"```python[^\n]*\n(.*?)```", page.read_text(), re.DOTALL):
            names: dict[str, object] = {"__name__": "example"}
            exec(compile(block, page.name, "exec"), names)
            if isinstance(opened := names.get("client"), Client):
                opened.close()
            ran += 1
    assert ran == 8
    printed = capsys.readouterr().out
    assert "cron The `cron` expression fires again after 60 seconds." in printed


def test_an_inbox_is_followed_while_a_job_calls_it(running: Instance) -> None:
    async def follow() -> None:
        async with AsyncClient(running.key, url=f"http://127.0.0.1:{running.port}") as client:
            inbox = await client.inboxes.create(label="followed")
            job = await client.jobs.book(f"{inbox.url}/paid?shop=1", after="1s", data=b"\xff\x00")
            call = await anext(client.inboxes.follow(inbox, after=0))
            assert (call.number, call.path, call.query) == (1, "/paid", "shop=1")
            assert (call.data, call.length, call.signature) == (b"\xff\x00", 2, "verified")
            run = await client.wait_for(job, PATIENCE)
            assert (call.run, call.attempt, run.state) == (run.id, 1, "succeeded")
            assert [each async for each in client.inboxes.calls(inbox)] == [call]
            assert await client.inboxes.call(inbox, 1) == call
            assert await client.inboxes.calls_after(inbox, call.number, wait=0) == ()
            await client.inboxes.delete(inbox)

    asyncio.run(follow())
