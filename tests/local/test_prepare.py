"""What each start prepares: a key of the account `demo` that is valid in the database there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from app import config, create_app
from app.api.context import current_context
from app.service import accounts, keys
from app.store.engine import db
from local.prepare import ACCOUNT, ensure_account


@pytest.fixture
def app(database: str, tmp_path: Path) -> Iterator[Flask]:
    """An application on the database, within which the test runs."""
    environ = {
        "DATABASE_URL": database,
        "WAKECALL_HOME": f"{tmp_path}",
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
    }
    made = create_app(config.load(environ))
    with made.app_context():
        yield made
        db.engine.dispose()


def is_valid(key: str) -> bool:
    return accounts.authenticate(current_context(), key, account=ACCOUNT).account.name == ACCOUNT


@pytest.mark.usefixtures("app")
def test_a_key_that_is_valid_stays(tmp_path: Path) -> None:
    file = tmp_path / "demo-key"
    ensure_account(file)
    first = file.read_text()
    assert is_valid(first)

    ensure_account(file)

    assert file.read_text() == first


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("kept", ["", "no key", "of another database", "revoked"])
def test_a_key_that_is_not_valid_is_replaced(tmp_path: Path, kept: str) -> None:
    file = tmp_path / "demo-key"
    ensure_account(file)
    key = file.read_text()
    match kept:
        case "revoked":
            keys.revoke(current_context(), key[3:13])
        case "of another database":
            file.write_text("wk_vRfVdy0uOdSmIVUOuean7N8JQq2mf8IengbLZKxOwpHzFRX2")
        case _:
            file.write_text(kept)

    ensure_account(file)

    assert file.read_text() != key
    assert is_valid(file.read_text())
