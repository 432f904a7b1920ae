"""GET /1/jobs?view=full: jobs with their content, filtered, sorted and in pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.documents import list_cursor
from app.api.native.routes import responses
from app.api.pages import MAX_PAGE_BYTES
from app.domain import zones
from app.domain.dapr.schedule import DaprSchedule
from app.domain.job import Booking, Dialect, Job
from app.domain.job_filter import JobPosition, ListedJob
from app.domain.native.trigger import Cron, Local
from app.store import job_pages
from tests.api.golden import golden
from tests.api.native.booked import ABSENT, JSON, OFTEN, ONCE, OPTIONS, booked, ids
from tests.api.test_answer_bounds import LARGE_JOB

PATH = "/1/jobs?view=full"
AT = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
NATIVE = Booking(
    url="https://example.com/wake",
    trigger=Cron(expression="0 15 10 ? * *", local=Local(timezone="Europe/Berlin")),
    name="invoices",
    tags=("billing",),
)
OF_DAPR = Booking(
    url="/job/poll",
    trigger=DaprSchedule(schedule="@every 1m", start=AT),
    enabled=False,
    name="poll",
    dialect=Dialect.DAPR,
    endpoint="app",
    remaining=3,
)


def listed_job(number: int, booking: Booking, omitted: int | None) -> ListedJob:
    job_id = UUID(int=UUID(ABSENT).int + number)
    at = AT + timedelta(minutes=number)
    job = Job(id=job_id, account="example", version=1, next_at=at, booking=booking)
    return ListedJob(job=job, position=JobPosition(key=None, id=job_id), omitted_bytes=omitted)


@pytest.mark.parametrize(("kind", "ending"), [("application/json", "json"), ("text/xml", "xml")])
def test_jobs_are_written_as_in_the_golden_files(app: Flask, kind: str, ending: str) -> None:
    jobs = [listed_job(0, NATIVE, None), listed_job(1, OF_DAPR, 65536)]
    with app.test_request_context():
        answer = responses.render_jobs(jobs, lambda _: "", limit=2, media_type=kind, resume_at=None)
    assert answer.data == golden(f"full-list.response.{ending}")
    assert answer.headers["Wakecall-Tzdata"] == zones.VERSION


def pages(client: FlaskClient, query: str = "") -> list[list[dict[str, Any]]]:
    """The jobs of each page."""
    found: list[list[dict[str, Any]]] = []
    path: str | None = f"{PATH}&{query}"
    while path is not None:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found.append(answer.get_json())
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = link and link[1]
    return found


def listed(client: FlaskClient, query: str = "") -> list[str]:
    """The ids of the jobs of all pages."""
    return [job["id"] for page in pages(client, query) for job in page]


def test_a_job_is_listed_as_it_is_shown_by_itself(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    made = [booked(client, each) for each in (ONCE, {**OPTIONS, "data": "é"}, OFTEN)]
    booked(other_client)
    shown = [client.get(f"/1/jobs/{job['id']}").get_json() for job in reversed(made)]
    assert client.get(PATH).get_json() == shown
    assert [job for page in pages(client, "limit=1") for job in page] == shown

    answer = client.get(PATH, headers={"Accept": "application/xml"})
    alone = client.get(f"/1/jobs/{made[1]['id']}", headers={"Accept": "application/xml"})
    assert texts(etree.fromstring(answer.data)[1]) == texts(etree.fromstring(alone.data))


def texts(element: etree._Element) -> list[tuple[str, str]]:
    """The names and texts of an element's descendants, however they are laid out."""
    return [(str(each.tag), (each.text or "").strip()) for each in element.iter()]


def test_the_list_of_ids_stays_as_it_is(client: FlaskClient) -> None:
    made = [booked(client)["id"] for _ in range(3)]
    for query in ("", "?view=ids"):
        assert client.get(f"/1/jobs{query}").data == ",".join(made).encode()
    assert ids(client) == made
    for name, value in (
        ("sort", "name"),
        ("enabled", "true"),
        ("namePrefix", "a"),
        ("dialect", "native"),
        ("endpoint", "a"),
        ("host", "a"),
        ("kind", "cron"),
        ("failing", "true"),
    ):
        answer = client.get(f"/1/jobs?{name}={value}", headers=JSON)
        assert (answer.status_code, answer.get_json()["member"]) == (400, name)
        assert "view=full" in answer.get_json()["remedy"]


def test_filters_and_orders_combine(client: FlaskClient) -> None:
    client.put("/1/dapr-apps/app", json={"url": "http://127.0.0.1:6200"})
    assert client.post("/v1.0/jobs/b", json={"schedule": "@every 1h"}).status_code == 204
    (dapr,) = ids(client)
    late = booked(client, {**ONCE, "name": "c", "tags": ["x", "y"]})["id"]
    early = booked(client, {**ONCE, "when": "2098-01-01T00:00:00Z", "tags": ["x"]})["id"]
    paused = booked(client, {**OFTEN, "enabled": False, "name": "ca", "tags": ["x"]})["id"]
    else_where = {**ONCE, "url": "https://b.example.com/", "name": "Ü"}
    other = booked(client, else_where)["id"]

    for query, wanted in (
        ("", [other, paused, early, late, dapr]),
        ("sort=newest", [other, paused, early, late, dapr]),
        ("sort=next", [dapr, early, *sorted([late, other])]),
        ("sort=name", [dapr, late, paused, other]),
        ("enabled=false", [paused]),
        ("enabled=true", [other, early, late, dapr]),
        ("enabled=true&sort=next", [dapr, early, *sorted([late, other])]),
        ("enabled=false&sort=name", [paused]),
        ("enabled=false&tag=x", [paused]),
        ("tag=x", [paused, early, late]),
        ("tag=x&tag=y", [late]),
        ("tag=x&sort=next", [early, late]),
        ("tag=x&sort=name", [late, paused]),
        ("tag=x&enabled=true&host=EXAMPLE.com", [early, late]),
        ("namePrefix=c", [paused, late]),
        ("namePrefix=c&sort=name", [late, paused]),
        ("namePrefix=c&sort=next", [late]),
        ("namePrefix=ca&sort=name", [paused]),
        ("namePrefix=%C3%9C&sort=name", [other]),
        ("dialect=dapr", [dapr]),
        ("endpoint=app&sort=name", [dapr]),
        ("host=b.example.com", [other]),
        ("host=b.example.com&sort=name", [other]),
        ("kind=once", [other, early, late]),
        ("kind=once&sort=next", [early, *sorted([late, other])]),
        ("kind=cron", [paused]),
        ("kind=interval&sort=name", [dapr]),
        ("kind=chained", []),
        ("failing=true", []),
    ):
        for limit in (1, 2, 100):
            assert listed(client, f"{query}&limit={limit}") == wanted, query


@pytest.mark.parametrize("sort", ["newest", "next", "name"])
def test_a_page_examines_a_bounded_number_of_jobs_and_leads_on(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(job_pages, "MAX_EXAMINED", 3)
    made = [
        booked(client, {**ONCE, "name": f"n{n}", "url": f"https://{'a' if n in {3, 4} else 'b'}/"})
        for n in range(10)
    ]
    wanted = {made[3]["id"], made[4]["id"]}
    found = pages(client, f"host=a&sort={sort}")
    assert {job["id"] for page in found for job in page} == wanted
    assert len(found) == 4
    assert len(listed(client, f"sort={sort}&limit=100")) == len(made)
    assert listed(client, f"host=none&sort={sort}") == []


def test_a_long_payload_is_left_out_and_its_length_is_shown(client: FlaskClient) -> None:
    client.put("/1/dapr-apps/app", json={"url": "http://127.0.0.1:6200"})
    for name, size in (("long", 2047), ("fits", 2046)):
        body = {"schedule": "@every 1h", "data": "x" * size}
        assert client.post(f"/v1.0/jobs/{name}", json=body).status_code == 204
    fits, long = client.get(PATH).get_json()
    assert ("data" in long, long["dataOmitted"]) == (False, 2049)
    assert ("dataOmitted" in fits, fits["data"]) == (False, f'"{"x" * 2046}"')
    assert "dataOmitted" not in client.get(f"/1/jobs/{long['id']}").get_json()


@pytest.mark.parametrize("accept", ["application/json", "text/xml"])
def test_a_page_ends_where_its_bytes_do(client: FlaskClient, accept: str) -> None:
    # An ampersand takes five bytes in XML, and a control character six in JSON.
    large = {**LARGE_JOB, "data": "\x01" * 2048, "name": None}
    made = [booked(client, large)["id"] for _ in range(300)]
    found: list[int] = []
    path: str | None = f"{PATH}&limit=1000"
    while path is not None:
        answer = client.get(path, headers={"Accept": accept})
        assert len(answer.data) <= MAX_PAGE_BYTES
        found.append(answer.data.count(b'"id"') + answer.data.count(b"<id>"))
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = link and link[1]
    assert (sum(found), len(found) > 1) == (len(made), True)


def test_what_cannot_be_is_refused_by_name(client: FlaskClient, other_client: FlaskClient) -> None:
    for number in range(3):
        booked(client, {**ONCE, "name": f"n{number}"})
    link = client.get(f"{PATH}&sort=name&limit=1").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert len(client.get(f"{PATH}&sort=name&cursor={cursor}").get_json()) == 2
    for caller, query, member in (
        (client, f"cursor={cursor}", "cursor"),
        (client, f"sort=next&cursor={cursor}", "cursor"),
        (client, f"sort=name&tag=a&cursor={cursor}", "cursor"),
        (other_client, f"sort=name&cursor={cursor}", "cursor"),
        (client, "sort=next&enabled=false", "sort"),
        (client, "sort=oldest", "sort"),
        (client, "enabled=1", "enabled"),
        (client, "kind=daily", "kind"),
        (client, "failing=false", "failing"),
        (client, "host=a&endpoint=b", "host"),
        (client, "view=full", "view"),
        (client, "name=a", "name"),
    ):
        answer = caller.get(f"{PATH}&{query}")
        assert (answer.status_code, answer.get_json()["member"]) == (400, member), query
    assert client.get("/1/jobs?view=whole", headers=JSON).get_json()["member"] == "view"
    assert client.get(PATH, headers={"Accept": "text/plain"}).status_code == 406


def test_a_forged_cursor_is_refused(client: FlaskClient) -> None:
    """Its checksum needs no secret. The first account of a database has the id 1."""
    for sort, parts in (("newest", ("x",)), ("name", ("a", "x")), ("next", ("x", ABSENT))):
        scope = ["1", "/1/jobs", f"sort={sort}", "view=full"]
        cursor = list_cursor.write(scope, *parts)
        answer = client.get(f"{PATH}&sort={sort}&cursor={cursor}")
        assert (answer.status_code, answer.get_json()["member"]) == (400, "cursor")
