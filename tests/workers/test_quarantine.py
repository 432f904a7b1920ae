"""Suspects tried by processes as a worker starts them: together, and by halves where those die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from app.domain.timings.leases import DEAD_AFTER, SUSPECT_AFTER
from app.store.rescue import check
from app.store.settling import settle
from local.instance import CHECKOUT
from tests.factories import claim_all, connect, one
from tests.receiver import Behaviour, Exchange, Gone, Receiver, answer
from tests.workers.processes import PATIENCE_S, book_calls, environment
from tests.workers.test_rq_worker import until
from workers.quarantine_process import QuarantineProcess

SUSPECTS = 50


@pytest.fixture
def environ(database: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(database, redis_url, tmp_path, WAKECALL_GRACE="0")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answer(204)) as made:
        yield made


@pytest.fixture
def start(
    environ: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start a process that tries suspects, as a worker does; it is killed at the end."""
    with ExitStack() as stack, (tmp_path / "alone.log").open("ab") as log:

        def begin() -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers.quarantine"],
                cwd=CHECKOUT,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(end, process)
            return process

        yield begin


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


def suspect(
    connection: psycopg.Connection, environ: dict[str, str], receiver: Receiver, number: int
) -> None:
    """Book runs that wait to be tried, as two workers have died that had them."""
    book_calls(connection, environ, receiver, number, due_in=-1)
    claim_all(connection)
    connection.execute("UPDATE inflight SET reclaims = %s", (SUSPECT_AFTER,))


def let_leases_run_out(connection: psycopg.Connection) -> None:
    """What a scheduler does once the leases of a process that died have run out."""
    connection.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 s',"
        " look_at = clock_timestamp() WHERE state = 'taken'"
    )
    settle(connection, check(connection, limit=100, leases_count=True).ended)


class Together:
    """Answers when so many calls are under way at once; `most` were."""

    def __init__(self, number: int) -> None:
        self._all = threading.Barrier(number)

    def __call__(self, exchange: Exchange) -> None:
        self._all.wait(PATIENCE_S)
        answer(204)(exchange)


class Poison:
    """Whoever makes the call of this job is killed, before it can tell anything."""

    def __init__(self, job: str, caller: Callable[[], int]) -> None:
        self._job = job
        self._caller = caller
        self.kills = 0

    def __call__(self, exchange: Exchange) -> None:
        if exchange.request.header("wakecall-job") == self._job:
            self.kills += 1
            os.kill(self._caller(), signal.SIGKILL)
            raise Gone
        answer(204)(exchange)


def test_fifty_innocents_are_called_all_at_once(
    connection: psycopg.Connection,
    environ: dict[str, str],
    receiver: Receiver,
    start: Callable[[], subprocess.Popen[bytes]],
) -> None:
    receiver.default = Together(SUSPECTS)
    suspect(connection, environ, receiver, SUSPECTS)

    process = start()

    succeeded = "SELECT count(*) FROM run WHERE state = 'succeeded'"
    until(lambda: one(connection, succeeded) == SUSPECTS)
    assert process.wait(PATIENCE_S) == 0
    assert len(receiver.requests) == SUSPECTS


def test_one_poison_among_fifty_is_found_in_a_few_kills_and_the_others_are_settled(
    connection: psycopg.Connection,
    environ: dict[str, str],
    receiver: Receiver,
    start: Callable[[], subprocess.Popen[bytes]],
) -> None:
    suspect(connection, environ, receiver, SUSPECTS)
    job = one(connection, "SELECT job_id FROM inflight ORDER BY random() LIMIT 1")
    processes: list[subprocess.Popen[bytes]] = []
    poison = receiver.default = Poison(f"{job}", lambda: processes[-1].pid)
    states = "SELECT state, count(*) FROM run GROUP BY state"
    found_after = None
    settled: dict[str, int] = {}
    while one(connection, "SELECT count(*) FROM inflight"):
        assert poison.kills <= 12, dict(connection.execute(states).fetchall())
        processes.append(start())
        processes[-1].wait(PATIENCE_S)
        let_leases_run_out(connection)
        settled = dict(connection.execute(states).fetchall())
        if found_after is None and settled.get("succeeded") == SUSPECTS - 1:
            found_after = poison.kills

    # Its process died with 50, 25, 12, 6 and 3, and then with it alone, once or twice before the
    # other two of the last three had their turns.
    assert poison.kills <= 5 + 1 + DEAD_AFTER - SUSPECT_AFTER
    assert found_after is not None
    assert found_after <= 7
    assert settled == {"succeeded": SUSPECTS - 1, "dead": 1}
    assert one(connection, "SELECT job_id FROM run WHERE state = 'dead'") == job


def test_a_signal_to_all_processes_ends_no_call_of_a_suspect_but_its_worker_s_end_does(
    connection: psycopg.Connection,
    environ: dict[str, str],
    receiver: Receiver,
    start: Callable[[], subprocess.Popen[bytes]],
) -> None:
    release = threading.Event()
    receiver.default = answer_after(release)
    suspect(connection, environ, receiver, 2)
    process = start()
    receiver.wait_for(2, PATIENCE_S)

    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    # Another does not begin beside it.
    assert start().wait(PATIENCE_S) == 0
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    release.set()

    rows = connection.execute("SELECT state, reclaims, group_size FROM inflight").fetchall()
    assert rows == [("waiting", SUSPECT_AFTER, 2)] * 2
    assert len(receiver.requests) == 2


def answer_after(release: threading.Event) -> Behaviour:
    def hold(exchange: Exchange) -> None:
        release.wait(PATIENCE_S)
        answer(204)(exchange)

    return hold


def test_threads_that_learn_of_suspects_at_once_start_one_process(
    database: str, environ: dict[str, str]
) -> None:
    quarantine_process = QuarantineProcess(environ, grace=0)
    barrier = threading.Barrier(8)

    def learn() -> None:
        with connect(database) as own:
            barrier.wait(PATIENCE_S)
            quarantine_process.start_if_needed(own)

    threads = [threading.Thread(target=learn) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    started = processes_that_try()

    quarantine_process.join()
    assert len(started) == 1
    assert not started[0].is_running()
    with connect(database) as own:
        quarantine_process.start_if_needed(own)
    assert processes_that_try() == []


def processes_that_try() -> list[psutil.Process]:
    """Those that this process has started and that live."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "workers.quarantine" in child.cmdline():
                found.append(child)
    return found
