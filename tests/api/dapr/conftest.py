"""What the tests of the Dapr API share: a client, and an app that its jobs are for."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.dapr.calls import add_app
from tests.factories import connect


@pytest.fixture
def dapr(app: Flask, key: str) -> FlaskClient:
    """Calls with the key of account-1, which has the one app `job-service`."""
    client = app.test_client()
    client.environ_base["HTTP_DAPR_API_TOKEN"] = key
    add_app(app)
    return client


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened
