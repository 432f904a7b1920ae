"""Long payloads: if many are due at once, a worker's memory stays within its budget."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import psutil
import pytest

from app.domain.retry_policy import Constant
from tests.e2e.apps import book_calls, end_of, put_app
from tests.e2e.conftest import Report, at_home
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds, one
from tests.receiver import Receiver, answer, in_turn

MIB = 1024 * 1024
BUDGET = 16
NUMBER = 40
BESIDE = 40
"""MiB that a worker may need beside the payloads: buffers of four connections, and what is read."""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance whose worker has little room for payloads."""
    home = tmp_path_factory.mktemp("narrow") / "home"
    with at_home(home, WAKECALL_PAYLOAD_MIB=f"{BUDGET}") as instance:
        instance.start()
        instance.wait_until_ready()
        instance.wait_for_line("Inbox")
        yield instance


def resident(pid: int) -> int:
    """The memory of a process, in MiB."""
    return int(psutil.Process(pid).memory_info().rss) // MIB


def test_a_worker_s_memory_is_bounded_whatever_is_due(narrow: Instance, report: Report) -> None:
    data = json.dumps({"value": "x" * (4 * MIB - 100)}).encode()
    worker = narrow.pid("worker")
    assert worker is not None
    sizes = [resident(worker)]
    over = "SELECT count(*) FROM run WHERE job_id = ANY (%s)"
    with narrow.connect() as connection, Receiver(answer(204)) as one_app, Receiver() as other:
        put_app(connection, "long", one_app.url().rstrip("/"))
        put_app(connection, "other", other.url().rstrip("/"))
        due = in_seconds(8)
        jobs = book_calls(connection, "long", [due] * (NUMBER - 10), data=data)
        jobs |= book_calls(connection, "other", [due] * 10, data=data)

        def settled() -> bool:
            sizes.append(resident(worker))
            return bool(one(connection, over, list(jobs)) == NUMBER)

        until(settled, "every run has ended")
        ends = {end_of(connection, job)[0] for job in jobs}
        requests = [*one_app.requests, *other.requests]
    grown = max(sizes) - sizes[0]

    report(f"{NUMBER} payloads of 4 MiB: the worker grew by {grown} MiB")
    assert narrow.pid("worker") == worker
    assert ends == {"succeeded"}
    arrived = Counter(each.target for each in requests)
    assert arrived == Counter(f"/job/{job}" for job in jobs)
    assert {sha256(each.body).digest() for each in requests} == {sha256(data).digest()}
    assert grown < BUDGET + BESIDE


def test_a_long_payload_goes_along_with_each_attempt_and_with_a_redelivery(
    narrow: Instance,
) -> None:
    data = json.dumps({"value": "y" * (2 * MIB)}).encode()
    behaviour = in_turn(answer(500), answer(500), answer(204))
    with narrow.connect() as connection, Receiver(behaviour) as app:
        put_app(connection, "failing", app.url().rstrip("/"))
        policy = Constant(1, 1)
        (job,) = book_calls(connection, "failing", [in_seconds(2)], policy=policy, data=data)
        assert end_of(connection, job)[0] == "failed"
        run = one(connection, "SELECT id FROM run WHERE job_id = %s", job)

        assert narrow.ask("POST", f"/1/runs/{run}/redeliver").status == 202
        requests = app.wait_for(3)
        until(lambda: end_of(connection, job)[0] == "succeeded", "the redelivery has ended")

    assert {each.header("webhook-id") for each in requests} == {str(run)}
    assert {each.body for each in requests} == {data}
