"""GET /1/runs/failures, /1/destinations and /1/upcoming/counts: what to look at, and what comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs import generic_codec
from app.api.native.documents import attention, firing_load
from app.domain.attention import Failing, Failures, WaitingDestination, WaitingDestinations
from app.domain.firing_load import load
from app.domain.run import RunKind, RunState
from app.domain.run_summary import LastAttempt, RunSummary
from app.store import heartbeats
from tests.api.golden import golden
from tests.factories import book, connect, one

Write = Callable[[str, generic_codec.Value], bytes]
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FORMATS = pytest.mark.parametrize(
    ("ending", "write"), [("json", generic_codec.to_json), ("xml", generic_codec.to_xml)]
)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def summary(kind: RunKind, *, last: LastAttempt | None) -> RunSummary:
    return RunSummary(
        id=UUID("01a20291-fd53-77b6-a6ff-09e31b448f7c"),
        job_id=UUID("01a20290-02a5-7912-8f6b-3eecfd25d680"),
        kind=kind,
        due_at=AT,
        state=RunState.FAILED,
        missed=0,
        settled_at=AT,
        next_attempt_at=None,
        reason="The receiver answered 503." if last else "No attempt was possible.",
        complete_by=None,
        attempts=1,
        lateness_ms=1.5,
        last=last,
        job_name=None if kind is RunKind.EVENT else "report",
        job_exists=True,
        called=None,
    )


@FORMATS
def test_failures_are_written_as_in_the_golden_files(ending: str, write: Write) -> None:
    last = LastAttempt(
        number=1, started_at=AT, status=503, error=None, error_detail=None, total_ms=2.0
    )
    found = Failures(
        jobs=(
            Failing(count=12, newest=summary(RunKind.SCHEDULED, last=last)),
            Failing(count=2, newest=summary(RunKind.EVENT, last=None)),
        ),
        is_complete=True,
    )
    written = write("failures", attention.render_failures(found))
    assert written == golden(f"failures.response.{ending}")


@FORMATS
def test_held_destinations_are_written_as_in_the_golden_files(ending: str, write: Write) -> None:
    held = WaitingDestination(
        destination="https://example.com:443",
        waiting=120,
        oldest_due_at=AT,
        reason="waiting: 50 calls to example.com are under way",
    )
    found = WaitingDestinations(destinations=(held,), is_complete=False)
    assert write("held", attention.render_held(found)) == golden(f"held.response.{ending}")


@FORMATS
def test_a_firing_load_is_written_as_in_the_golden_files(ending: str, write: Write) -> None:
    begins = AT.replace(minute=0)
    minutes = [(AT, 3), (AT + timedelta(hours=2), 5)]
    found = load(begins, minutes, counted_until=AT + timedelta(hours=2))
    assert write("load", firing_load.render(found)) == golden(f"firing-load.response.{ending}")


def test_failures_are_the_account_s_own_of_the_last_day_or_since_an_instant(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    for hours in (1, 25):
        connection.execute(
            "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
            " attempts, settled_at) SELECT gen_random_uuid(), %s, id, 1, 'scheduled',"
            " now() - %s * interval '1 h', 0, 'dead', 0, now() FROM account WHERE name ="
            " 'account-1'",
            (UUID(int=hours), hours),
        )
    found = client.get("/1/runs/failures").get_json()
    assert [each["job"] for each in found["jobs"]] == [str(UUID(int=1))]
    assert found["more"] is False
    since = client.get("/1/runs/failures?after=2020-01-01T00:00:00Z").get_json()
    assert len(since["jobs"]) == 2
    assert other_client.get("/1/runs/failures").get_json() == {"jobs": [], "more": False}
    xml = client.get("/1/runs/failures", headers={"Accept": "text/xml"})
    assert etree.fromstring(xml.data).findtext("jobs/job/state") == "dead"


def test_destinations_are_the_account_s_own(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at, attempts, destination, reason, planned_at) SELECT gen_random_uuid(),"
        " gen_random_uuid(), id, 1, 'scheduled', now(), true, 'waiting', now() + interval '1 h',"
        " now() + interval '1 h', 1, 'http://a:80', 'waiting: it is down', now()"
        " FROM account WHERE name = 'account-1'"
    )
    (held,) = client.get("/1/destinations").get_json()["destinations"]
    assert (held["destination"], held["waiting"]) == ("http://a:80", 1)
    assert other_client.get("/1/destinations").get_json()["destinations"] == []


def test_upcoming_firings_are_counted_by_the_hour(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    client.get("/1/upcoming")
    account_id = one(connection, "SELECT id FROM account WHERE name = 'account-1'")
    for hours in (3, 3, 90):
        book(connection, account_id, due_in=hours * 3600)
    book(connection, account_id, due_in=-7200)
    found = client.get("/1/upcoming/counts").get_json()
    counts = {each["begins"]: each["firings"] for each in found["hours"]}
    expected = (datetime.now(UTC) + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    assert len(counts) == 24
    assert sum(counts.values()) == found["busiest"]["firings"] == 2
    assert counts[f"{expected:%Y-%m-%dT%H:%M:%SZ}"] == 2
    assert found["overdue"] == 1
    assert "countedUntil" not in found
    assert "busiest" not in other_client.get("/1/upcoming/counts").get_json()


@pytest.mark.parametrize(
    "path",
    ["/1/runs/failures?after=yesterday", "/1/runs/failures?before=1", "/1/destinations?x=1",
     "/1/upcoming/counts?until=1"],
)  # fmt: skip
def test_what_a_query_cannot_mean_is_refused(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.get_json()["member"] == path.partition("?")[2].partition("=")[0]


def test_what_workers_report_is_added_to_what_waits(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    account = one(connection, "SELECT id FROM account WHERE name = 'account-1'")
    rows = [[account, "https://down.example:443", "down", 0, 3, 30.0]]
    heartbeats.beat(connection, "worker", "w1", rows)

    found = client.get("/1/destinations").get_json()["destinations"]

    (held,) = [each for each in found if each["destination"] == "https://down.example:443"]
    assert (held["state"], held["underWay"], held["waiting"]) == ("down", 0, 3)
    assert "nextCall" in held
    assert other_client.get("/1/destinations").get_json()["destinations"] == []
