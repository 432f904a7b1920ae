"""GET /1/upcoming: the next firing of each job, the earliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api import pages
from app.api.native.codecs import generic_codec
from app.api.native.documents import list_cursor
from app.api.native.documents import upcoming as upcoming_document
from app.domain.dapr.schedule import DaprSchedule
from app.domain.firing_rate import Bound
from app.domain.job import Dialect
from app.domain.native.trigger import Cron, Local
from app.domain.upcoming import Expected, Upcoming
from app.store import upcoming
from tests.api.golden import golden
from tests.api.native.booked import ABSENT, OFTEN, ONCE, booked
from tests.factories import connect

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PATH = "/1/upcoming"
SHOWN = Upcoming(
    expected=Expected(at=AT + timedelta(seconds=4), job_id=UUID(ABSENT)),
    due_at=AT,
    name="invoices",
    tags=("billing", "nightly"),
    dialect=Dialect.NATIVE,
    url="https://example.com/wake",
    endpoint="",
    trigger=Cron(expression="0 15 10 ? * *", local=Local(timezone="Europe/Berlin")),
    is_recurring=True,
    remaining=None,
    is_blocked=False,
    postponed_for=Bound.FIRINGS,
)
OF_DAPR = Upcoming(
    expected=Expected(at=AT + timedelta(minutes=1), job_id=UUID(int=UUID(ABSENT).int + 1)),
    due_at=AT + timedelta(minutes=1),
    name="poll",
    tags=(),
    dialect=Dialect.DAPR,
    url="/job/poll",
    endpoint="app",
    trigger=DaprSchedule(schedule="@every 1m", start=AT),
    is_recurring=True,
    remaining=3,
    is_blocked=False,
    postponed_for=None,
)
POSTPONED = "postponed: the account may begin 50 runs a second (firingsPerSecond)"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.mark.parametrize(("kind", "ending"), [("application/json", "json"), ("text/xml", "xml")])
def test_firings_are_written_as_in_the_golden_files(kind: str, ending: str) -> None:
    shown = [upcoming_document.render(SHOWN, POSTPONED), upcoming_document.render(OF_DAPR, None)]
    page = pages.write(
        shown,
        lambda each: generic_codec.element("upcoming", each, kind),
        generic_codec.frame("upcoming", kind),
        limit=2,
    )
    assert page.body == golden(f"upcoming.response.{ending}")


def once(client: FlaskClient, hour: int, **members: Any) -> str:
    """The id of a job that is due at that hour of a day to come."""
    job = booked(client, {**ONCE, "when": f"2099-05-11T{hour:02}:00:00Z", **members})
    return str(job["id"])


def listed(client: FlaskClient, query: str = "") -> list[str]:
    """The jobs of all pages."""
    found: list[str] = []
    path: str | None = f"{PATH}?{query}"
    while path is not None:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found += [each["job"] for each in answer.get_json()]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = link and link[1]
    return found


def test_each_job_is_listed_once_by_its_next_firing_in_pages(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    late, early, between = once(client, 20), once(client, 5), once(client, 12)
    same = once(client, 12)
    cron = booked(client, {**OFTEN, "cron": "0 15 10 ? * *", "timezone": "Europe/Berlin"})
    theirs = once(other_client, 1)
    ordered = [cron["id"], early, *sorted([between, same]), late]

    for limit in (1, 2, 4, 5, 100):
        assert listed(client, f"limit={limit}") == ordered
    assert listed(other_client) == [theirs]
    (first, second, *_) = client.get(PATH).get_json()
    assert first == {
        "job": cron["id"],
        "due": cron["next"],
        "dialect": "native",
        "recurring": True,
        "cron": "0 15 10 ? * *",
        "timezone": "Europe/Berlin",
        "url": OFTEN["url"],
    }
    assert second == {
        "job": early,
        "due": "2099-05-11T05:00:00Z",
        "dialect": "native",
        "recurring": False,
        "url": ONCE["url"],
    }
    root = etree.fromstring(client.get(f"{PATH}?limit=1", headers={"Accept": "text/xml"}).data)
    assert (root.tag, root.findtext("firing/job")) == ("upcoming", cron["id"])


def test_filters_narrow_the_list_and_combine(client: FlaskClient) -> None:
    client.put("/1/dapr-apps/app", json={"url": "http://127.0.0.1:6200"})
    assert client.post("/v1.0/jobs/poll", json={"schedule": "@every 1h"}).status_code == 204
    (poll,) = listed(client)
    plain = once(client, 1)
    bills = once(client, 2, name="bills", tags=["money", "a"], url="https://B.example.com:8443/x")
    bill = once(client, 3, name="bill", tags=["money"])
    for query, wanted in (
        ("", [poll, plain, bills, bill]),
        ("until=2099-05-11T03:00:00Z", [poll, plain, bills]),
        ("until=2099-05-11T03:00:00.000001Z", [poll, plain, bills, bill]),
        ("tag=money", [bills, bill]),
        ("tag=money&tag=a", [bills]),
        ("tag=none", []),
        ("namePrefix=bill", [bills, bill]),
        ("namePrefix=bill&tag=a", [bills]),
        ("namePrefix=%25", []),
        ("dialect=dapr", [poll]),
        ("dialect=native", [plain, bills, bill]),
        ("endpoint=app", [poll]),
        ("endpoint=ap", []),
        ("host=b.EXAMPLE.com", [bills]),
        ("host=example.com", [plain, bill]),
        ("host=example", []),
        ("host=example.com&until=2099-05-11T02:00:00Z&dialect=native", [plain]),
    ):
        assert listed(client, query) == wanted, query
        assert listed(client, f"{query}&limit=1") == wanted, query


def test_a_page_examines_a_bounded_number_of_jobs_and_leads_on(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upcoming, "MAX_EXAMINED", 3)
    made = [once(client, hour, tags=["rare"] if hour in {7, 8} else []) for hour in range(10)]
    first = client.get(f"{PATH}?tag=rare")
    assert (first.get_json(), "Link" in first.headers) == ([], True)
    for limit in (1, 2, 100):
        assert listed(client, f"tag=rare&limit={limit}") == [made[7], made[8]]
        assert listed(client, f"limit={limit}") == made
    assert listed(client, "tag=none") == []


def test_an_upcoming_firing_shows_what_delays_it(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    paused = once(client, 1)
    assert client.post(f"/1/jobs/{paused}/pause").status_code == 200
    blocked, postponed = once(client, 2), once(client, 3)
    connection.execute(
        "UPDATE due SET held_at = next_at, next_at = NULL WHERE job_id = %s", (blocked,)
    )
    connection.execute(
        "UPDATE due SET owed_at = next_at, owed_till = next_at + interval '90 min',"
        " next_at = next_at + interval '90 min', owed_for = 'firingsPerSecond' WHERE job_id = %s",
        (postponed,),
    )
    last = once(client, 4)

    first, second, third = client.get(PATH).get_json()
    assert (first["job"], first["reason"]) == (blocked, "waiting: a run of the job is under way")
    assert (second["job"], "reason" in second) == (last, False)
    assert (third["job"], third["due"]) == (postponed, "2099-05-11T03:00:00Z")
    assert third["expected"] == "2099-05-11T04:30:00Z"
    assert "firingsPerSecond" in third["reason"]

    connection.execute("UPDATE account SET suspended_at = now()")
    reasons = {each["reason"] for each in client.get(PATH).get_json()}
    assert reasons == {"waiting: the account is suspended"}


def test_wrong_parameters_are_refused_by_name(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    for hour in range(3):
        once(client, hour, tags=["a"])
    link = client.get(f"{PATH}?tag=a&limit=1").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert len(client.get(f"{PATH}?cursor={cursor}&tag=a").get_json()) == 2
    for caller, query, member in (
        (client, f"cursor={cursor}", "cursor"),
        (other_client, f"tag=a&cursor={cursor}", "cursor"),
        (client, "cursor=x", "cursor"),
        (client, "cursor=%F0%9F%98%80", "cursor"),
        (client, "cursor=", "cursor"),
        (client, "until=tomorrow", "until"),
        (client, "dialect=quartz", "dialect"),
        (client, "namePrefix=", "namePrefix"),
        (client, "namePrefix=a%00", "namePrefix"),
        (client, f"namePrefix={'a' * 129}", "namePrefix"),
        (client, "endpoint=", "endpoint"),
        (client, "host=example.com:80", "host"),
        (client, "host=http://a", "host"),
        (client, "host=a&endpoint=b", "host"),
        (client, "tag=", "tag"),
        (client, "limit=0", "limit"),
        (client, "limit=1001", "limit"),
        (client, "name=a", "name"),
    ):
        answer = caller.get(f"{PATH}?{query}")
        assert (answer.status_code, answer.get_json()["member"]) == (400, member), query
    assert client.get(PATH, headers={"Accept": "text/plain"}).status_code == 406


def test_a_forged_cursor_is_refused(client: FlaskClient, connection: psycopg.Connection) -> None:
    """Its checksum needs no secret."""
    account = connection.execute("SELECT id FROM account WHERE name = 'account-1'").fetchone()
    assert account is not None
    scope = [str(account[0]), PATH]
    for parts in (("1", "x"), ("x", ABSENT), ("9" * 30, ABSENT), ("9" * 5000, ABSENT), ("1",)):
        answer = client.get(f"{PATH}?cursor={list_cursor.write(scope, *parts)}")
        assert (answer.status_code, answer.get_json()["member"]) == (400, "cursor"), parts
