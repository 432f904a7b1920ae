"""Maintenance: what has expired goes, what has not stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.domain.lateness import Histogram
from app.store import accuracy
from tests.booked import add_account, connect, one
from workers import maintenance
from workers.link import Link
from workers.maintenance import Maintenance

KEEP = (
    "INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed, kept_at)"
    " SELECT %s, 'k' || n, sha256(''), 201, '[]', '', false, clock_timestamp() - n * interval '9 h'"
    " FROM generate_series(0, 9) n"
)


@pytest.fixture
def turn(database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """One turn of a maintenance that takes two rows at a step."""
    monkeypatch.setattr(maintenance, "_PURGED", 2)

    def once() -> None:
        made = Maintenance(Link(database, "maintenance"), retention_days=30)
        made.once()
        made.close()

    return once


SECRETS = (
    "INSERT INTO signing_secret (account_id, sealed, expires_at)"
    " SELECT %s, 's'::bytea, clock_timestamp() + n * interval '1 h' FROM generate_series(-2, 2) n"
    " WHERE n <> 0 UNION ALL SELECT %s, 's', NULL::timestamptz"
)


def test_secrets_go_once_they_have_expired(database: str, turn: Callable[[], None]) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        connection.execute(SECRETS, (account, account))

        turn()

        left = "SELECT count(*) FROM signing_secret WHERE expires_at > clock_timestamp()"
        assert one(connection, left) == 2
        assert one(connection, "SELECT count(*) FROM signing_secret") == 3


def test_answers_go_after_a_day_and_accuracy_after_eight(
    database: str, turn: Callable[[], None]
) -> None:
    with connect(database) as connection:
        connection.execute(KEEP, (add_account(connection),))
        accuracy.add(connection, {each: Histogram(counts=[1], most_ms=1.0) for each in range(10)})
        connection.execute("UPDATE accuracy SET begins = begins - account_id * interval '1 day'")

        turn()

        assert one(connection, "SELECT array_agg(key ORDER BY key) FROM kept_answer") == [
            "k0",
            "k1",
            "k2",
        ]
        assert one(connection, "SELECT max(account_id) FROM accuracy") in {7, 8}
        assert one(connection, "SELECT count(*) FROM accuracy") in {8, 9}
