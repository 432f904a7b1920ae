"""Owners of the tests: an account as sign-up makes it, and what its audit log holds."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.api.context import context_of
from app.service import accounts
from tests.console.people import SignedIn, signed_in_as
from tests.factories import connect

EVIL = '"><script>alert(1)</script>'
"""A text that must stay one."""


@pytest.fixture
def owner(app: Flask) -> SignedIn:
    """The owner of an account as sign-up makes it: with a key and a secret."""
    with app.app_context():
        accounts.create(context_of(app), "acme")
    return signed_in_as(app, "ada@example.com", "acme")


def audited(database: str, action: str) -> tuple[Any, ...]:
    """Who did this last, from where, and to what."""
    with connect(database) as connection:
        found = connection.execute(
            "SELECT user_email, address, object FROM audit WHERE action = %s ORDER BY id DESC",
            [action],
        ).fetchone()
    assert found is not None, action
    return found
