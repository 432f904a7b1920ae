"""What the tests of the console share: the application of the HTTP tests, and who is signed in."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from tests.api.conftest import app, environ, key, make_app, make_key
from tests.console.people import SignedIn, signed_in_as
from tests.factories import connect

__all__ = ["app", "environ", "key", "make_app", "make_key"]


@pytest.fixture
def signed_in(app: Flask) -> SignedIn:
    """The owner of the account `demo`, signed in."""
    return signed_in_as(app, "ada@example.com", "demo")


@pytest.fixture
def other_user(app: Flask) -> SignedIn:
    """The owner of another account, signed in."""
    return signed_in_as(app, "mallory@example.com", "other")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """A connection to the database of the application, which commits each statement."""
    with connect(database) as opened:
        yield opened
