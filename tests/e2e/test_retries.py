"""Receivers that fail: retries, Retry-After, and 410."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.instants import format_utc
from tests.e2e.conftest import Report
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds
from tests.receiver import PATIENCE, Received, Receiver, answer, in_turn

REFUSED_ONCE, SLOWED_DOWN, GONE, DELETED = "/refused-once", "/slowed-down", "/gone", "/deleted"


@pytest.fixture(scope="module")
def refusing() -> Iterator[Receiver]:
    with Receiver(answer(204)) as made:
        made.behaviours[REFUSED_ONCE] = in_turn(answer(500), answer(204))
        made.behaviours[SLOWED_DOWN] = in_turn(answer(429, (("Retry-After", "7"),)), answer(204))
        made.behaviours[GONE] = answer(410)
        made.behaviours[DELETED] = answer(500)
        yield made


@pytest.fixture(scope="module")
def jobs(running: Instance, refusing: Receiver) -> dict[str, str]:
    """A job for each path of the receiver; all fire at once, so that the waits are shared."""
    due_at = format_utc(in_seconds(2))
    ids = {}
    for path in refusing.behaviours:
        created = running.ask("POST", "/1/jobs", {"url": refusing.url(path), "when": due_at})
        assert created.status == 201
        ids[path] = created.body["id"]
    refusing.wait_for(len(ids))
    deleted = running.ask("DELETE", f"/1/jobs/{ids[DELETED]}")
    assert deleted.status == 204
    return ids


def test_a_refused_call_is_repeated_after_five_seconds_as_the_same_run(
    running: Instance, refusing: Receiver, jobs: dict[str, str], report: Report
) -> None:
    first, second = calls_of(refusing, REFUSED_ONCE, 2)
    report(f"the second attempt came {second.at - first.at:.3f} s after the first")
    assert 5 <= second.at - first.at < 15
    check_pair(first, second)

    run = settled_run(running, jobs[REFUSED_ONCE])
    assert run["state"] == "succeeded"
    assert [(each["number"], each["status"]) for each in run["attempts"]] == [(1, 500), (2, 204)]


def test_a_receiver_that_asks_for_seven_seconds_gets_them(
    running: Instance, refusing: Receiver, jobs: dict[str, str], report: Report
) -> None:
    first, second = calls_of(refusing, SLOWED_DOWN, 2)
    report(f"the second attempt came {second.at - first.at:.3f} s after the first")
    assert 7 <= second.at - first.at < 17
    check_pair(first, second)

    run = settled_run(running, jobs[SLOWED_DOWN])
    assert run["state"] == "succeeded"


def test_a_receiver_that_is_gone_ends_the_job(
    running: Instance, refusing: Receiver, jobs: dict[str, str]
) -> None:
    run = settled_run(running, jobs[GONE])
    assert (run["state"], len(run["attempts"])) == ("failed", 1)
    assert "410" in run["reason"]
    until(lambda: running.ask("GET", f"/1/jobs/{jobs[GONE]}").status == 404, "the job is gone")

    calls_of(refusing, SLOWED_DOWN, 2)  # by then it would have come again, had it been to
    assert len(calls_of(refusing, GONE, 1)) == 1


def test_a_job_deleted_while_its_retry_waits_is_not_called_again(
    running: Instance, refusing: Receiver, jobs: dict[str, str]
) -> None:
    run = settled_run(running, jobs[DELETED])
    assert (run["state"], len(run["attempts"])) == ("cancelled", 1)
    assert run["reason"] == "the job was deleted"

    calls_of(refusing, SLOWED_DOWN, 2)  # by then it would have come again, had it been to
    assert len(calls_of(refusing, DELETED, 1)) == 1


def calls_of(receiver: Receiver, path: str, number: int) -> list[Received]:
    """The calls to that path, once there are so many."""
    seen = receiver.wait_for(0)
    while True:
        found = [each for each in seen if each.target == path]
        if len(found) >= number:
            return found
        seen = receiver.wait_for(len(seen) + 1, PATIENCE)


def check_pair(first: Received, second: Received) -> None:
    """Two attempts of one run."""
    assert first.header("webhook-id") == second.header("webhook-id")
    assert [each.header("wakecall-attempt") for each in (first, second)] == ["1", "2"]
    assert first.header("webhook-signature") != second.header("webhook-signature")
    scheduled = {each.header("wakecall-scheduled-for") for each in (first, second)}
    assert len(scheduled) == 1


def settled_run(running: Instance, job: str) -> dict[str, Any]:
    """The only run of the job, once it has ended."""
    until(lambda: "settled" in running.ask("GET", f"/1/jobs/{job}/runs").body[0], "it has ended")
    (run,) = running.ask("GET", f"/1/jobs/{job}/runs").body
    settled: dict[str, Any] = run
    return settled
