"""When a key was last used: the hour, written once in a while and by no request."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from app.service import accounts, keys
from app.service.context import Context
from app.service.health_watch import HealthWatch
from app.service.key_use import EVERY_S, MAX_KEYS, KeyUse
from tests.factories import connect, one

HOUR = "SELECT last_used_at = date_trunc('hour', clock_timestamp(), 'UTC') FROM api_key"


@pytest.fixture
def key(context: Context) -> str:
    return accounts.create(context, "demo")


def test_the_hour_is_stored_of_the_keys_that_were_used(
    context: Context, connection: psycopg.Connection, key: str
) -> None:
    keys.create(context, "demo", "unused")
    accounts.authenticate(context, key, account=None)
    assert one(connection, "SELECT count(last_used_at) FROM api_key") == 0

    context.key_use.store(connection)

    used, unused = keys.list_keys(context, "demo")
    assert used.last_used_at is not None
    assert (used.last_used_at.minute, used.last_used_at.second, unused.last_used_at) == (0, 0, None)


def test_a_key_from_the_cache_is_noted_too_and_a_revoked_one_is_not_written(
    context: Context, connection: psycopg.Connection, key: str
) -> None:
    accounts.authenticate(context, key, account=None)
    use = KeyUse(clock=lambda: 0.0)
    accounts.authenticate_cached(replace(context, key_use=use), key, account=None)
    assert use._used == {key[3:13]}

    keys.revoke(context, key[3:13])
    use.store(connection)
    assert one(connection, "SELECT last_used_at IS NULL FROM api_key") is True


def test_no_row_is_written_twice_within_an_hour(connection: psycopg.Connection, key: str) -> None:
    now = 0.0
    use = KeyUse(clock=lambda: now)
    written = []
    for _ in range(3):
        use.note(key[3:13])
        use.store(connection)
        written.append(one(connection, "SELECT xmin::text FROM api_key"))
        now += EVERY_S
    assert len({*written}) == 1
    assert one(connection, HOUR) is True

    connection.execute("UPDATE api_key SET last_used_at = last_used_at - interval '1 h'")
    use.note(key[3:13])
    use.store(connection)
    assert one(connection, HOUR) is True


def test_keys_are_stored_together_now_and_then(connection: psycopg.Connection, key: str) -> None:
    now = 0.0
    use = KeyUse(clock=lambda: now)
    use.store(connection)
    use.note(key[3:13])
    now = EVERY_S - 1
    use.store(connection)
    assert one(connection, "SELECT last_used_at IS NULL FROM api_key") is True
    now = EVERY_S
    use.store(connection)
    assert one(connection, HOUR) is True


def test_a_locked_key_is_left_to_the_next_turn(
    connection: psycopg.Connection, database: str, key: str
) -> None:
    now = 0.0
    use = KeyUse(clock=lambda: now)
    with connect(database) as other, other.transaction():
        other.execute("SELECT FROM api_key FOR UPDATE")
        use.note(key[3:13])
        use.store(connection)
    assert one(connection, "SELECT last_used_at IS NULL FROM api_key") is True
    now = EVERY_S
    use.note(key[3:13])
    use.store(connection)
    assert one(connection, HOUR) is True


def test_what_is_noted_is_bounded() -> None:
    use = KeyUse()
    for number in range(MAX_KEYS + 9):
        use.note(f"{number:010}")
    assert len(use._used) == MAX_KEYS


def test_the_watch_of_a_web_process_writes_it_and_requests_do_not(
    context: Context, connection: psycopg.Connection, key: str
) -> None:
    accounts.authenticate(context, key, account=None)
    assert one(connection, "SELECT last_used_at IS NULL FROM api_key") is True

    watch = HealthWatch(context.settings, write=context.key_use.store)
    watch.refresh()
    watch._engine.dispose()

    assert one(connection, HOUR) is True
