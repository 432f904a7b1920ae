"""GET /1/runs/counts: how many runs ended in which state, and how late calls began, over time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api import pages
from app.api.native.codecs import generic_codec
from app.api.native.documents import list_cursor
from app.api.native.documents import run_counts as run_counts_document
from app.domain.lateness import Window
from app.domain.run import RunState
from app.domain.run_counts import MAX_BUCKETS, RunCount
from app.service import run_counts
from tests.api.golden import golden
from tests.factories import connect

PATH = "/1/runs/counts"
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
NONE = dict.fromkeys(("succeeded", "failed", "cancelled", "dead"), 0)
LATENESS = Window(since=AT, deliveries=86412, p50=0.4642, p95=2.1544, p99=3.8312, maximum=41.27349)
NUMBERS = {RunState.SUCCEEDED: 86412, RunState.FAILED: 3, RunState.CANCELLED: 1, RunState.DEAD: 0}


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.mark.parametrize(("kind", "ending"), [("application/json", "json"), ("text/xml", "xml")])
def test_counts_are_written_as_in_the_golden_files(kind: str, ending: str) -> None:
    counts = (
        RunCount(begins=AT, numbers=NUMBERS, lateness=LATENESS),
        RunCount(begins=AT - timedelta(hours=1), numbers=dict.fromkeys(NUMBERS, 0), lateness=None),
    )
    page = pages.write(
        map(run_counts_document.render, counts),
        lambda each: generic_codec.element("counts", each, kind),
        generic_codec.frame("counts", kind),
        limit=2,
    )
    assert page.body == golden(f"run-counts.response.{ending}")


def add(
    connection: psycopg.Connection, account: str, state: str, due: datetime, number: int = 1
) -> None:
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) SELECT gen_random_uuid(), gen_random_uuid(), a.id, 1, 'scheduled',"
        " %s, 0, %s, 1, %s FROM account a, generate_series(1, %s) WHERE a.name = %s",
        (due, state, due, number, account),
    )


def counted(client: FlaskClient, query: str) -> list[dict[str, Any]]:
    """The buckets of all pages."""
    found: list[dict[str, Any]] = []
    path: str | None = f"{PATH}?{query}"
    while path is not None:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found += answer.get_json()
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = link and link[1]
    return found


def test_runs_are_counted_by_state_and_bucket_newest_first(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    tick = timedelta(microseconds=1)
    add(connection, "account-1", "succeeded", AT, 3)
    add(connection, "account-1", "failed", AT + timedelta(hours=1) - tick, 2)
    add(connection, "account-1", "dead", AT - tick)
    add(connection, "account-1", "cancelled", AT - timedelta(hours=1))
    add(connection, "account-1", "succeeded", AT + timedelta(hours=1))
    add(connection, "account-2", "succeeded", AT, 7)

    query = "after=2026-11-22T08:20:00Z&before=2026-11-22T09:00:00.5Z"
    assert counted(client, query) == [
        {"begins": "2026-11-22T09:00:00Z", **NONE, "succeeded": 3, "failed": 2},
        {"begins": "2026-11-22T08:00:00Z", **NONE, "dead": 1, "cancelled": 1},
    ]
    days = counted(client, "bucket=1d&after=2026-11-20T23:59:59Z&before=2026-11-23T00:00:00Z")
    assert [each["begins"] for each in days] == [f"2026-11-{day}T00:00:00Z" for day in (22, 21, 20)]
    assert days[0] == {
        "begins": "2026-11-22T00:00:00Z",
        "succeeded": 4,
        "failed": 2,
        "cancelled": 1,
        "dead": 1,
    }
    assert counted(other_client, query)[0] == {
        "begins": "2026-11-22T09:00:00Z",
        **NONE,
        "succeeded": 7,
    }
    xml = client.get(f"{PATH}?{query}", headers={"Accept": "text/xml"})
    root = etree.fromstring(xml.data)
    assert (root.tag, root.findtext("bucket/succeeded")) == ("counts", "3")


def test_without_parameters_the_last_day_is_counted_by_hours(client: FlaskClient) -> None:
    found = counted(client, "")
    assert len(found) in {24, 25}
    newest = datetime.fromisoformat(found[0]["begins"])
    assert newest <= datetime.now(UTC) + timedelta(seconds=5)
    assert all(each == {"begins": each["begins"], **NONE} for each in found)
    assert len(counted(client, "bucket=5m")) in {288, 289}


@pytest.mark.parametrize("bucket", ["15m", "1h", "6h"])
def test_a_page_ends_when_enough_runs_are_counted_and_leads_on(
    client: FlaskClient,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    bucket: str,
) -> None:
    query = f"bucket={bucket}&after=2026-11-22T00:00:00Z&before=2026-11-23T00:00:00Z"
    for hour in range(0, 24, 5):
        add(connection, "account-1", "failed", AT.replace(hour=hour), 2)
    whole = client.get(f"{PATH}?{query}")
    assert "Link" not in whole.headers
    monkeypatch.setattr(run_counts, "MAX_COUNTED", 3)
    first = client.get(f"{PATH}?{query}")
    assert "Link" in first.headers
    assert len(first.get_json()) < len(whole.get_json())
    assert counted(client, query) == whole.get_json()


def test_lateness_is_that_of_what_was_settled_in_the_bucket(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO accuracy SELECT a.id, %s::timestamptz + n * interval '5 min',"
        " ARRAY[n, 0, 1], n FROM account a, generate_series(0, 12) n WHERE a.name = 'account-1'",
        (AT,),
    )
    newest, hour, before = counted(client, "after=2026-11-22T08:00:00Z&before=2026-11-22T10:01:00Z")
    assert hour["lateness"]["deliveries"] == sum(range(12)) + 12
    assert (hour["lateness"]["maxMs"], hour["lateness"]["p50Ms"]) == (11.0, 0.1)
    assert newest["lateness"] == {
        "deliveries": 13,
        "p50Ms": 0.1,
        "p95Ms": 0.1212,
        "p99Ms": 0.1212,
        "maxMs": 12.0,
    }
    assert "lateness" not in before


def test_wrong_parameters_are_refused_by_name(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    hours = f"after=2026-01-01T00:00:00Z&before={(AT.replace(month=1, day=1, hour=0)).isoformat()}"
    most = AT.replace(month=1, day=1, hour=0) + timedelta(hours=MAX_BUCKETS)
    path = f"{PATH}?after=2026-01-01T00:00:00Z&before={most:%Y-%m-%dT%H:%M:%SZ}"
    assert len(client.get(path).get_json()) == MAX_BUCKETS
    for caller, query, member in (
        (client, path.partition("?")[2].replace(":00Z", ":01Z"), "bucket"),
        (client, "after=0001-01-01T00:00:00Z", "bucket"),
        (client, "bucket=1d&after=9999-12-31T00:00:00Z&before=9999-12-31T23:59:59Z", "before"),
        (client, hours.replace("+", "%2B"), "before"),
        (client, "bucket=2h", "bucket"),
        (client, "bucket=", "bucket"),
        (client, "after=yesterday", "after"),
        (client, "before=0001-01-01T00:00:00Z", "before"),
        (client, "cursor=x", "cursor"),
        (client, "limit=3", "limit"),
        (client, "state=failed", "state"),
    ):
        answer = caller.get(f"{PATH}?{query}")
        assert (answer.status_code, answer.get_json()["member"]) == (400, member), query
    for parts in (("0", "0"), ("0", "x"), ("0", "9" * 30), ("-1", str(10**15))):
        cursor = list_cursor.write(["1", PATH], *parts)
        answer = client.get(f"{PATH}?cursor={cursor}")
        assert (answer.status_code, answer.get_json()["member"]) == (400, "cursor")
    assert client.get(PATH, headers={"Accept": "text/plain"}).status_code == 406
