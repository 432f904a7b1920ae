"""Limits of an account's own, as stored."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.errors import CheckViolation

from app.store.limits import of_accounts, of_columns
from tests.factories import one


def test_what_is_not_an_amount_is_not_stored(connection: psycopg.Connection) -> None:
    account_id = one(connection, "INSERT INTO account (name) VALUES ('demo') RETURNING id")
    store = "UPDATE account SET limits = %s::jsonb WHERE id = %s"
    for wrong in ("[]", '{"jobs": -1}', '{"jobs": 1.5}', '{"jobs": "1"}', '{"a": 1, "jobs": {}}'):
        with pytest.raises(CheckViolation, match="account_limits_are_valid"):
            connection.execute(store, (wrong, account_id))
    right = {"jobs": 3, "storedBytes": None, "ofALaterRelease": 0}
    connection.execute(
        store, ('{"jobs": 3, "storedBytes": null, "ofALaterRelease": 0}', account_id)
    )
    assert of_accounts(connection, [account_id]) == {account_id: right}


def test_connections_are_one_of_the_limits() -> None:
    assert of_columns(None, None) == {}
    assert of_columns({"jobs": 3}, 7) == {"jobs": 3, "connections": 7}
