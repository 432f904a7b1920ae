"""Payloads that are a google.protobuf.Any, and apps that speak gRPC: kept as they were given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.dapr import booking
from app.domain.dapr.booking import Times
from app.domain.endpoint import AppProtocol
from app.domain.job import Booking, Dialect
from app.service.context import Context
from app.service.dapr import apps, jobs
from app.store import takes
from tests.factories import claim_all, claim_and_take, one

APP = "shop"
URL = "http://127.0.0.1:6200"


def _booked(context: Context, caller: Caller, data: bytes | None, type_url: str | None) -> None:
    times = booking.book(
        Times(schedule="@every 1h", due_time="0s", ttl=None, repeats=None), caller.now
    )
    wanted = Booking(
        url="/job/a",
        trigger=times.trigger,
        name="a",
        dialect=Dialect.DAPR,
        endpoint=APP,
        written={"failurePolicy": {}},
        data=data,
        type_url=type_url,
    )
    jobs.book(context, caller, lambda now: (wanted, now - timedelta(seconds=1)), overwrite=True)


@pytest.mark.parametrize(
    ("data", "type_url"),
    [(None, None), (b'{"a": 1}', None), (b"", ""), (b"\xff\x00", ""), (b"x", "u" * 1024)],
)
def test_a_payload_is_read_as_booked_and_kept_when_its_job_is_overwritten(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    data: bytes | None,
    type_url: str | None,
) -> None:
    apps.put(context, caller.account, APP, url=URL, token=None)
    _booked(context, caller, data, type_url)
    found = jobs.get(context, caller, APP, "a").booking
    assert (found.data, found.type_url) == (data, type_url)

    assert claim_and_take(connection)
    _booked(context, caller, None, None)

    found = jobs.get(context, caller, APP, "a").booking
    assert (found.data, found.type_url) == (None, None)
    kept = connection.execute("SELECT data, type_url FROM superseded").fetchall()
    assert kept == [(data, type_url)]


def test_a_run_is_taken_with_the_payload_of_its_version_and_the_protocol_of_its_app(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    apps.put(context, caller.account, APP, url=URL, token=None, protocol=AppProtocol.GRPC)
    _booked(context, caller, b"\xff", "u")
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]
    columns = "version, url, data, dialect, endpoint, account_id, type_url"
    connection.execute(f"INSERT INTO superseded (job_id, {columns}) SELECT id, {columns} FROM job")
    connection.execute("UPDATE job SET version = version + 1, data = '{}', type_url = NULL")

    (taken,) = takes.take(connection, tickets)

    assert (taken.data, taken.type_url, taken.protocol) == (b"\xff", "u", "grpc")


@pytest.mark.parametrize("broken", ["type_url = repeat('u', 1025)", "data = NULL"])
def test_a_type_url_is_one_of_a_dapr_jobs_payload(
    context: Context, caller: Caller, connection: psycopg.Connection, broken: str
) -> None:
    apps.put(context, caller.account, APP, url=URL, token=None)
    _booked(context, caller, b"x", "u")

    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"UPDATE job SET {broken}")


def test_an_app_speaks_http_unless_it_says_otherwise(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    account = caller.account
    app, created = apps.put(context, account, APP, url=URL, token="t", protocol=AppProtocol.GRPC)
    assert created
    assert app.protocol is AppProtocol.GRPC
    assert apps.get(context, account, APP) == app
    assert apps.list_apps(context, account) == (app,)

    over_http, _ = apps.put(context, account, APP, url=URL, token="t")

    assert over_http == replace(app, protocol=AppProtocol.HTTP)
    assert one(connection, "SELECT protocol FROM endpoint") == "http"
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE endpoint SET protocol = 'smtp'")
