"""Long chains: what is read to refuse a cycle are the jobs before the one that is saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.api.context import current_context
from app.domain.fusion import chain
from app.store import follows
from tests.api.fusion.documents import MOVIES, after, put, saved
from tests.api.fusion.runs import NONE
from tests.factories import connect, one
from tests.store.plans import rows_read

COPIED: Final = "account_id, version, url, trigger, enabled, dialect, endpoint, misfire, written"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def add_chain(client: FlaskClient, connection: psycopg.Connection, length: int, name: str) -> None:
    """spark:<name>1 to spark:<name><length>, each after the one before, the first after MOVIES."""
    if one(connection, "SELECT count(*) FROM job") == 0:
        saved(client, NONE)
        saved(client, NONE, "spark:copied")
    connection.execute(
        f"INSERT INTO job (id, name, {COPIED}) SELECT gen_random_uuid(), 'spark:' || %s || n,"
        f" {COPIED} FROM job, generate_series(1, %s) AS n WHERE name = 'spark:copied'",
        (name, length),
    )
    connection.execute(
        "INSERT INTO follow (job_id, account_id, upstream, states) SELECT id, account_id,"
        " CASE n WHEN 1 THEN %s ELSE 'spark:' || %s || n - 1 END, ARRAY['succeeded']"
        " FROM job, generate_series(1, %s) AS n WHERE name = 'spark:' || %s || n",
        (MOVIES, name, length, name),
    )
    connection.execute(
        "INSERT INTO due (job_id, account_id, version, recurring) SELECT id, account_id, 1, true"
        " FROM job WHERE id NOT IN (SELECT job_id FROM due)"
    )
    connection.execute("VACUUM ANALYZE job, follow")


def test_a_cycle_is_refused_however_long_it_is(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_chain(client, connection, 500, "a")
    answer = put(client, after("spark:a500"))
    assert answer.status_code == 400
    detail = answer.get_json()["detail"]
    assert f"{MOVIES} -> spark:a1 -> spark:a2" in detail
    assert "more) -> " in detail
    assert f"spark:a500 -> {MOVIES}" in detail
    assert put(client, after("spark:a500"), "spark:next").status_code == 200
    assert put(client, after(MOVIES)).status_code == 400


def test_more_jobs_before_one_than_may_be_are_refused(
    client: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "MAX_BEFORE", 50)
    add_chain(client, connection, 60, "a")
    # MOVIES and 49 after it.
    assert put(client, after("spark:a49"), "spark:next").status_code == 200
    refused = put(client, after("spark:a50"), "spark:next")
    assert (refused.status_code, refused.get_json()["member"]) == (400, "triggers")
    assert "More than 50 jobs would come before spark:next" in refused.get_json()["detail"]
    # A cycle that is too long to be followed to its end is one of these.
    assert put(client, after("spark:a60")).status_code == 400


def test_a_cycle_that_is_too_wide_to_be_named_is_refused(
    client: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.fusion.schedules._MAX_EDGES", 5)
    add_chain(client, connection, 20, "a")
    refused = put(client, after("spark:a20"))
    assert refused.status_code == 400
    assert f"{MOVIES} -> {MOVIES}" in refused.get_json()["detail"]


def test_jobs_that_are_not_in_the_chain_are_not_read(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_chain(client, connection, 30, "a")
    add_chain(client, connection, 10_000, "b")
    account_id = one(connection, "SELECT id FROM account WHERE name = 'account-1'")
    with client.application.app_context():
        with current_context().database.transaction() as on:
            found = follows.before(on, account_id, ["spark:a30"], "spark:next", limit=1000)
        assert found == (31, False)
        query = str(follows._COUNT)
        params: dict[str, Any] = {"account_id": account_id, "upstreams": ["spark:a30"]}
        with current_context().database.transaction() as on:
            plan = on.execute(
                text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"),
                {**params, "name": "spark:next", "limit": 1000},
            ).scalar_one()
    for relation in ("job", "follow"):
        assert sum(rows_read(plan[0]["Plan"], relation)) <= 32
