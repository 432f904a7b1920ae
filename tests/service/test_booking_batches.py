"""Booking batches in PostgreSQL: each job by itself is stored or left out, and nothing waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from app.domain.account import Account, CachedCaller, Caller
from app.domain.call_options import CallOptions
from app.domain.job import Booking, Dialect
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.one_time import At
from app.domain.usage import Use
from app.errors import InvalidMember
from app.service import accounts, jobs, usage
from app.service.booking_batches import BatchWriter, Outcome
from app.service.context import Context
from app.store import booking_batches
from app.store.booking_batches import WantedJob
from tests.factories import one

STORED, LEFT_OUT, UNKNOWN = Outcome.STORED, Outcome.LEFT_OUT, Outcome.UNKNOWN
REFUSED, AWAY = Outcome.REFUSED, Outcome.AWAY


@pytest.fixture
def writer(context: Context) -> Iterator[BatchWriter]:
    made = BatchWriter(context)
    yield made
    made.close()


@pytest.fixture
def cached(context: Context, caller: Caller) -> CachedCaller:
    return cached_of(context, caller)


def cached_of(context: Context, caller: Caller) -> CachedCaller:
    with context.database.session() as connection:
        digest = one(connection, "SELECT digest FROM api_key WHERE id = %s", caller.key_id)
    return CachedCaller(
        account=caller.account, key_id=caller.key_id, digest=digest, since=caller.now
    )


def booking(caller: CachedCaller, name: str | None = None) -> Booking:
    return Booking(
        url="https://example.com/", trigger=At(instant=caller.since + timedelta(days=1)), name=name
    )


def want(context: Context, caller: CachedCaller, name: str | None = None) -> WantedJob:
    return jobs.want(context, caller, booking(caller, name))


def want_of_app(context: Context, caller: CachedCaller, name: str, app: str) -> WantedJob:
    found = want(context, caller, name)
    of_app = replace(found.booking, url="/job/x", dialect=Dialect.DAPR, endpoint=app, written={})
    return found._replace(booking=of_app)


def stored(connection: psycopg.Connection) -> int:
    return int(one(connection, "SELECT count(*) FROM job JOIN due ON due.job_id = job.id"))


def test_a_job_of_a_batch_is_stored_as_one_that_is_booked_alone(
    context: Context, caller: Caller, cached: CachedCaller, writer: BatchWriter
) -> None:
    plain = booking(cached)
    full = replace(
        plain,
        signature="s",
        content_type="text/plain",
        data=b"\0\xff",
        name="ü",
        tags=("a", 'b"'),
        call_options=CallOptions(method="PUT", headers=(("A", "b"),), timeout=2.5),
        misfire=Misfire(policy=MisfirePolicy.ALL, window=1.5),
        on_success="https://example.com/a",
        on_failure="https://example.com/b",
    )
    paused = replace(plain, enabled=False)
    wanted = [jobs.want(context, cached, each) for each in (plain, full, paused)]

    assert writer.write(wanted) == [STORED] * 3

    for each in wanted:
        made = jobs.new_job(each.id, caller.account, each.booking, each.first)
        assert jobs.get(context, caller, each.id) == made
        alone = jobs.create(context, caller, replace(each.booking, name=None))
        assert alone == replace(made, id=alone.id, booking=replace(each.booking, name=None))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_key SET revoked_at = clock_timestamp() WHERE id = %(key)s",
        "UPDATE api_key SET expires_at = clock_timestamp() WHERE id = %(key)s",
        "UPDATE api_key SET scope = 'read' WHERE id = %(key)s",
        "UPDATE api_key SET app = 'a', scope = 'book' WHERE id = %(key)s",
        "UPDATE api_key SET digest = sha256('other') WHERE id = %(key)s",
        "UPDATE account SET suspended_at = now() WHERE id = %(account)s",
    ],
)
def test_whoever_may_no_longer_book_is_left_out_alone(
    context: Context,
    connection: psycopg.Connection,
    cached: CachedCaller,
    writer: BatchWriter,
    change: str,
) -> None:
    other = cached_of(
        context, accounts.authenticate(context, accounts.create(context, "other"), account=None)
    )
    connection.execute(change, {"key": cached.key_id, "account": cached.account.id})
    wanted = [want(context, each) for each in (cached, other, cached, other)]
    assert writer.write(wanted) == [LEFT_OUT, STORED, LEFT_OUT, STORED]
    assert stored(connection) == 2


def test_a_job_is_left_out_by_a_clock_outside_its_bounds(
    context: Context, connection: psycopg.Connection, cached: CachedCaller, writer: BatchWriter
) -> None:
    early, late, fit = (want(context, cached) for _ in range(3))
    hour = timedelta(hours=1)
    early = early._replace(earliest=cached.since + hour)
    late = late._replace(latest=cached.since - hour)
    assert writer.write([early, late, fit]) == [LEFT_OUT, LEFT_OUT, STORED]
    assert stored(connection) == 1


def test_a_name_that_is_taken_leaves_out_the_one_job(
    context: Context, connection: psycopg.Connection, cached: CachedCaller, writer: BatchWriter
) -> None:
    assert writer.write([want(context, cached, "a")]) == [STORED]
    batch = [want(context, cached, name) for name in ("b", "a", "b", None, None)]
    found = writer.write(batch)
    assert found[:1] + found[2:3] in ([STORED, LEFT_OUT], [LEFT_OUT, STORED])
    assert (found[1], found[3:]) == (LEFT_OUT, [STORED, STORED])
    assert stored(connection) == 4


def test_jobs_of_an_app_need_the_app_and_a_key_that_reaches_it(
    context: Context, connection: psycopg.Connection, cached: CachedCaller, writer: BatchWriter
) -> None:
    connection.execute(
        "INSERT INTO endpoint (account_id, dialect, name, url) VALUES"
        " (%(id)s, 'dapr', 'a', 'http://127.0.0.1'), (%(id)s, 'dapr', 'b', 'http://127.0.0.1')",
        {"id": cached.account.id},
    )
    listener = cached._replace(key_id="", digest=b"", app="a")
    gone = listener._replace(account=Account(id=-1, name="gone"))
    callers = ((cached, "a"), (cached, "none"), (listener, "a"), (gone, "a"))
    wanted = [want_of_app(context, who, f"{n}", app) for n, (who, app) in enumerate(callers)]
    assert writer.write(wanted) == [STORED, LEFT_OUT, STORED, LEFT_OUT]

    connection.execute("UPDATE api_key SET app = 'b', scope = 'book'")
    wanted = [want_of_app(context, cached, f"with {app}", app) for app in ("a", "b")]
    assert writer.write(wanted) == [LEFT_OUT, STORED]


def test_limits_are_exact_with_two_writers_at_once(
    context: Context, connection: psycopg.Connection, caller: Caller, cached: CachedCaller
) -> None:
    accounts.set_limits(context, "demo", {"jobs": 50})
    usage.check(context, caller.account, Use(jobs=1, bytes=1))
    writers = [BatchWriter(context) for _ in range(4)]
    barrier = threading.Barrier(len(writers))

    def write(writer: BatchWriter) -> int:
        barrier.wait(30)
        outcomes: list[Outcome] = []
        for _ in range(10):
            outcomes += writer.write([want(context, cached) for _ in range(3)])
        writer.close()
        return outcomes.count(STORED)

    with ThreadPoolExecutor(len(writers)) as pool:
        number = sum(pool.map(write, writers))
    assert number == stored(connection) <= 50
    for _ in range(50 - number):
        jobs.create(context, cached, booking(cached))
    assert stored(connection) == 50
    with pytest.raises(Exception, match="50"):
        jobs.create(context, cached, booking(cached))


def test_names_in_opposite_order_cause_no_deadlock(
    context: Context, cached: CachedCaller, connection: psycopg.Connection
) -> None:
    names = [f"name {n}" for n in range(30)]
    barrier = threading.Barrier(2)

    def write(order: list[str]) -> int:
        writer = BatchWriter(context)
        barrier.wait(30)
        found = writer.write([want(context, cached, name) for name in order])
        writer.close()
        return found.count(STORED)

    with ThreadPoolExecutor(2) as pool:
        number = sum(pool.map(write, [names, names[::-1]]))
    assert number == stored(connection) == len(names)


def test_a_name_that_somebody_else_is_booking_delays_its_batch_for_a_moment(
    context: Context, connection: psycopg.Connection, cached: CachedCaller, writer: BatchWriter
) -> None:
    jobs.create(context, cached, booking(cached))
    with context.database.transaction() as other:
        other.exec_driver_sql(
            "INSERT INTO job (id, account_id, version, url, trigger, enabled, name)"
            " VALUES (gen_random_uuid(), %s, 1, 'http://127.0.0.1/',"
            ' \'{"kind": "at", "at": "2030-01-01T00:00:00Z"}\', true, \'held\')',
            (cached.account.id,),
        )
        batch = [want(context, cached, "held"), want(context, cached)]
        assert writer.write(batch) == [REFUSED, REFUSED]
        assert stored(connection) == 1
        # Booked by itself, the other one waits for nobody.
        jobs.create(context, cached, booking(cached))
    assert writer.write([want(context, cached)]) == [STORED]


def test_a_connection_that_is_lost_meanwhile_leaves_it_open_what_was_stored(
    context: Context,
    connection: psycopg.Connection,
    cached: CachedCaller,
    writer: BatchWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert = booking_batches.insert_batch

    def lose(lost: psycopg.Connection, wanted: list[WantedJob]) -> booking_batches.StoredBatch:
        # The answer does not arrive: the batch is on disk by then.
        found = insert(lost, wanted)
        connection.execute("SELECT pg_terminate_backend(%s)", [lost.info.backend_pid])
        lost.execute("SELECT 1")
        return found

    with monkeypatch.context() as patched:
        patched.setattr("app.service.booking_batches.insert_batch", lose)
        assert writer.write([want(context, cached)] * 1) == [UNKNOWN]
    assert stored(connection) == 1
    assert writer.write([want(context, cached)]) == [STORED]


def test_without_a_server_nothing_was_stored(
    context: Context, cached: CachedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> psycopg.Connection:
        raise psycopg.OperationalError

    monkeypatch.setattr("app.store.connection.open_session", refuse)
    assert BatchWriter(context).write([want(context, cached)]) == [AWAY]


def test_what_cannot_be_booked_is_refused_before_it_waits(
    context: Context, cached: CachedCaller
) -> None:
    with pytest.raises(InvalidMember):
        jobs.want(context, cached, replace(booking(cached), url="http://10.0.0.1/"))
    with pytest.raises(InvalidMember):
        jobs.want(context, cached, replace(booking(cached), trigger=At(instant=cached.since)))
