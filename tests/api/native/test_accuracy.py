"""GET /1/accuracy: how late this account's calls began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs import generic_codec
from app.api.native.documents import accuracy as accuracy_document
from app.domain.lateness import BOUNDS, PERIOD, Accuracy, Histogram, Window, bucket
from app.store.accuracy import add
from tests.api.golden import golden
from tests.factories import connect, one

AT = datetime(2026, 11, 22, 9, 31, 7, 250000, tzinfo=UTC)
NOTHING: dict[str, Any] = {"p50": None, "p95": None, "p99": None, "maximum": None}
SHOWN = Accuracy(
    as_of=AT,
    hour=Window(since=AT - timedelta(minutes=61, seconds=7.25), deliveries=0, **NOTHING),
    day=Window(
        since=AT - timedelta(hours=24, minutes=1, seconds=7.25),
        deliveries=86412,
        p50=0.4642,
        p95=2.1544,
        p99=3.8312,
        maximum=41.27349,
    ),
)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def counted(latenesses: list[float]) -> Histogram:
    counts = [0] * (len(BOUNDS) + 1)
    for each in latenesses:
        counts[bucket(each)] += 1
    return Histogram(counts=counts, most_ms=max(latenesses))


def account(connection: psycopg.Connection, name: str) -> int:
    return int(one(connection, "SELECT id FROM account WHERE name = %s", name))


def test_accuracy_is_written_as_in_the_golden_files() -> None:
    shown = accuracy_document.render(SHOWN)
    assert generic_codec.to_json("accuracy", shown) == golden("accuracy.response.json")
    assert generic_codec.to_xml("accuracy", shown) == golden("accuracy.response.xml")


def test_an_account_without_deliveries_has_no_percentiles(client: FlaskClient) -> None:
    answer = client.get("/1/accuracy").get_json()
    for name, least, most in (("hour", 3600, 3900), ("day", 86400, 86700)):
        window = answer[name]
        assert (window["deliveries"], window["p50Ms"], window["maxMs"]) == (0, None, None)
        span = datetime.fromisoformat(answer["asOf"]) - datetime.fromisoformat(window["since"])
        assert least <= span.total_seconds() < most
    root = etree.fromstring(client.get("/1/accuracy", headers={"Accept": "text/xml"}).data)
    assert (root.findtext("hour/deliveries"), root.findtext("day/p99Ms")) == ("0", None)


def test_hours_days_and_accounts_are_counted_separately(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    mine, theirs = account(connection, "account-1"), account(connection, "account-2")
    for age, latenesses in (("0", [0.5] * 98 + [20.0] * 2), ("2 h", [300.0]), ("25 h", [9000.0])):
        add(connection, {mine: counted(latenesses)})
        connection.execute(
            "UPDATE accuracy SET begins = begins - %s::interval - interval '12 s'"
            " WHERE account_id = %s AND begins > clock_timestamp() - interval '10 min'"
            " AND %s <> '0'",
            (age, mine, age),
        )
        if age == "0":
            connection.execute("UPDATE accuracy SET begins = begins - interval '11 min'")
    add(connection, {theirs: counted([7.0])})

    answer = client.get("/1/accuracy").get_json()
    hour, day = answer["hour"], answer["day"]
    assert (hour["deliveries"], hour["maxMs"]) == (100, 20.0)
    assert 0.5 <= hour["p50Ms"] == hour["p95Ms"] <= 0.551
    assert hour["p99Ms"] == 20.0
    assert (day["deliveries"], day["maxMs"]) == (101, 300.0)
    assert other_client.get("/1/accuracy").get_json()["day"]["deliveries"] == 1


def test_a_day_is_read_from_its_periods_however_many_there_were(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO accuracy SELECT %s, date_bin('5 min', now(), 'epoch') - n * interval '5 min',"
        " array_fill(2000, ARRAY[%s]), 4e6 FROM generate_series(0, 2000) n",
        (account(connection, "account-1"), len(BOUNDS) + 1),
    )
    latest = one(connection, "SELECT max(begins) FROM accuracy")
    answer = client.get("/1/accuracy").get_json()
    for name, most in (("hour", 13), ("day", 289)):
        periods = (latest - datetime.fromisoformat(answer[name]["since"])) / PERIOD + 1
        assert most - 1 <= periods <= most
        assert answer[name]["deliveries"] == periods * 2000 * (len(BOUNDS) + 1)


def test_a_key_is_needed_and_text_is_not_offered(client: FlaskClient) -> None:
    nobody = client.get("/1/accuracy", headers={"X-API-Key": "x"})
    text = client.get("/1/accuracy", headers={"Accept": "text/plain"})
    assert (nobody.status_code, text.status_code) == (401, 406)
