"""The cache of accounts: what it holds is bounded, and what was asked for is returned."""

from __future__ import annotations

import psycopg
import pytest
from cryptography.fernet import Fernet

from app.service.secrets import SecretBox
from tests.factories import add_account, connect
from workers.dispatch import account_cache
from workers.dispatch.account_cache import AccountCache


def signing(connection: psycopg.Connection, box: SecretBox, name: str) -> int:
    """An account of this name, with the secret `name`."""
    account = add_account(connection, name)
    connection.execute(
        "INSERT INTO signing_secret (account_id, sealed) VALUES (%s, %s)", (account, box.seal(name))
    )
    return account


def test_the_secrets_of_few_accounts_are_remembered(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_cache, "_MAX_ACCOUNTS", 2)
    box = SecretBox((Fernet.generate_key().decode(),))
    cache = AccountCache(box)
    with connect(database) as connection:
        a, b, c = (signing(connection, box, name) for name in "abc")

        assert cache.secrets_for(connection, [a, b]) == {a: ("a",), b: ("b",)}
        assert cache.secrets_for(connection, [b, c]) == {b: ("b",), c: ("c",)}
        assert len(cache._known) <= 2
        assert cache.secrets_for(connection, [a, b, c]) == {a: ("a",), b: ("b",), c: ("c",)}
