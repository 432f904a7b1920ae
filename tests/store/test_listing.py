"""Lists: whole, by tags and in pages, of one account's jobs, by their indexes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, event
from uuid6 import uuid7

from app.store import job_list
from tests.factories import add_account, one, open_engine

INSERT = (
    "INSERT INTO job (id, account_id, version, url, trigger, enabled, tags)"
    " VALUES (%s, %s, 1, 'http://127.0.0.1/', %s, true, %s)"
)


@pytest.fixture
def web(database: str) -> Iterator[Connection]:
    """A connection as the web has them."""
    engine = open_engine(database)
    with engine.connect() as opened:
        yield opened


def tagged(connection: psycopg.Connection, account_id: int, *tags: str) -> UUID:
    """A job with these tags, which needs no due row here."""
    job_id = UUID(int=uuid7().int)
    connection.execute(INSERT, (job_id, account_id, Jsonb({"kind": "at"}), list(tags) or None))
    return job_id


def listed(web: Connection, account_id: int, *tags: str) -> list[UUID]:
    with web.begin():
        counted = job_list.count(web, account_id, tags)
        found = list(job_list.stream(web, account_id, tags))
    assert counted == len(found)
    return found


def paged(
    web: Connection, account_id: int, tags: Sequence[str], after: UUID | None, limit: int
) -> list[UUID]:
    with web.begin():
        return job_list.page(web, account_id, tags, after=after, limit=limit)


def test_those_are_listed_that_bear_all_the_tags(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    other = add_account(connection, "other")
    none = tagged(connection, account_id)
    a, b = tagged(connection, account_id, "a"), tagged(connection, account_id, "b", "Ü")
    both = tagged(connection, account_id, "b", "a", "c")
    theirs = tagged(connection, other, "a", "b")

    assert listed(web, account_id) == [none, a, b, both]
    assert listed(web, account_id, "a") == [a, both]
    assert listed(web, account_id, "b") == [b, both]
    assert listed(web, account_id, "a", "b") == [both]
    assert listed(web, account_id, "Ü") == [b]
    assert listed(web, account_id, "ü") == listed(web, account_id, "a", "Ü") == []
    assert listed(web, other, "a") == [theirs]


def test_what_the_index_holds_too_much_is_not_listed(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    """Keys are hashes: here all tags have the same."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION tag_keys(account_id bigint, tags text[]) RETURNS bigint[]"
        " LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ARRAY[7::bigint]'"
    )
    connection.execute("REINDEX INDEX job_tags")
    other = add_account(connection, "other")
    a = tagged(connection, account_id, "a")
    tagged(connection, account_id, "b")
    tagged(connection, other, "a")

    assert listed(web, account_id, "a") == [a]


TAGS = st.lists(st.sampled_from("abc"), unique=True, max_size=3)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(jobs=st.lists(TAGS, max_size=12), wanted=TAGS, limit=st.integers(1, 5))
def test_pages_come_to_the_whole_list(
    connection: psycopg.Connection,
    web: Connection,
    jobs: Sequence[list[str]],
    wanted: list[str],
    limit: int,
) -> None:
    connection.execute("TRUNCATE account CASCADE")
    account_id, other = (add_account(connection, name) for name in ("demo", "other"))
    made = [tagged(connection, account_id, *tags) for tags in jobs]
    tagged(connection, other, *wanted)

    found: list[UUID] = []
    while page := paged(web, account_id, wanted, found[-1] if found else None, limit):
        assert len(page) <= limit
        found += page
        assert len(found) <= len(made)

    meant = [each for each, tags in zip(made, jobs, strict=True) if set(wanted) <= set(tags)]
    assert found == listed(web, account_id, *wanted) == meant


def test_jobs_are_found_by_their_tags_and_those_without_any_are_in_no_index(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled, tags)"
        " SELECT gen_random_uuid(), %s, 1, 'http://127.0.0.1/', '{}', true,"
        " CASE WHEN n %% 100 = 0 THEN ARRAY['rare' || n] END FROM generate_series(1, 5000) n",
        (account_id,),
    )
    connection.execute("VACUUM ANALYZE job")
    plans: list[str] = []

    def explained(_c: object, _u: object, query: str, params: object, *_: object) -> None:
        if " @> tag_keys" in query:
            with connection.cursor() as cursor:
                rows = cursor.execute(f"EXPLAIN {query}", params).fetchall()  # type: ignore[call-overload] # as SQLAlchemy made them
            plans.append("\n".join(row[0] for row in rows))

    event.listen(web.engine, "before_cursor_execute", explained)
    assert len(paged(web, account_id, ["rare100"], None, 10)) == 1
    assert len(listed(web, account_id, "rare200")) == 1

    assert len(plans) == 3
    assert all("job_tags" in plan for plan in plans), plans
    assert one(connection, "SELECT reltuples FROM pg_class WHERE relname = 'job_tags'") == 50
