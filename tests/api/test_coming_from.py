"""The pages for users of other schedulers: each of the ten differences is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.delivery.addressing import missing
from app.domain.job import Dialect
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron
from app.domain.rearm import rearm
from app.domain.retry import JITTER
from app.domain.retry_policy import DEFAULT, DEFAULT_WAITS, most_attempts
from tests.api.fusion.documents import DAILY, MOVIES, act, put, saved
from tests.api.native.booked import JSON, OFTEN, booked
from tests.domain.quartz.reference import utc
from tests.factories import connect, one

DOCS: Final = Path(__file__).parents[2] / "docs"
URL: Final = {"url": "https://example.com/wake"}
AFTER: Final = "2026-11-22T05:30:00Z"

Check = Callable[[FlaskClient], None]
CHECKS: dict[str, dict[int, Check]] = {"crontab": {}, "quartz": {}, "fusion": {}}


def surprise(page: str, number: int) -> Callable[[Check], Check]:
    """Have this checked for the thing of that number on the page of those who come from there."""

    def keep(check: Check) -> Check:
        CHECKS[page][number] = check
        return check

    return keep


def preview(client: FlaskClient, cron: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/1/preview", json={"cron": cron, "after": AFTER, "count": 7, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def days(client: FlaskClient, cron: str) -> list[str]:
    return [each["utc"][:10] for each in preview(client, cron)["next"]]


def refused(answer: TestResponse, member: str, status: int = 400) -> str:
    problem = answer.get_json()
    assert (answer.status_code, problem["member"]) == (status, member)
    return str(problem["detail"])


def book(client: FlaskClient, **members: Any) -> TestResponse:
    return client.post("/1/jobs", json={**URL, **members}, headers=JSON)


@surprise("crontab", 1)
def ten_minutes_of_five_fields(client: FlaskClient) -> None:
    refused(book(client, cron="*/5 * * * *"), "cron")
    assert [book(client, cron=f"{each} * * * *").status_code for each in ("*/10", "5-59/10")] == [
        201,
        201,
    ]


@surprise("crontab", 2)
def clock_of_five_fields(client: FlaskClient) -> None:
    assert preview(client, "0 12 * * *")["next"][0]["utc"] == "2026-11-22T12:00:00Z"
    in_berlin = preview(client, "0 12 * * *", timezone="Europe/Berlin")
    assert in_berlin["next"][0]["utc"] == "2026-11-22T11:00:00Z"
    assert "time zone" in refused(book(client, cron="CRON_TZ=Europe/Berlin 0 12 * * *"), "cron")


@surprise("crontab", 3)
def six_fields(client: FlaskClient) -> None:
    assert "on Sunday" in preview(client, "0 15 10 ? * 1")["summary"]
    assert "on Monday" in preview(client, "15 10 * * 1")["summary"]
    refused(book(client, cron="0 15 10 * * 2027"), "cron")


@surprise("crontab", 4)
def either_day(client: FlaskClient) -> None:
    assert days(client, "0 9 13 * FRI")[:4] == [
        "2026-11-27",
        "2026-12-04",
        "2026-12-11",
        "2026-12-13",
    ]
    assert days(client, "0 9 */2 * MON")[:3] == ["2026-11-23", "2026-12-07", "2026-12-21"]
    assert "either is enough" in preview(client, "0 9 13 * FRI")["warnings"][0]
    assert "both must match" in preview(client, "0 9 */2 * MON")["warnings"][0]


@surprise("crontab", 5)
def read_in_different_ways(client: FlaskClient) -> None:
    for cron in ("5/10 * * * *", "0 22-6 * * *", "*/90 * * * *"):
        refused(book(client, cron=cron), "cron")
    for cron in ("5-59/10 * * * *", "0 22-23,0-6 * * *"):
        assert book(client, cron=cron).status_code == 201


@surprise("crontab", 6)
def no_date(client: FlaskClient) -> None:
    assert "never fires" in refused(book(client, cron="0 12 30 2 *"), "cron")


@surprise("crontab", 7)
def changes_of_the_clock_of_five_fields(client: FlaskClient) -> None:
    zone, after = {"timezone": "America/New_York"}, {"after": "2027-03-14T00:00"}
    answer = client.post("/1/preview", json={"cron": "30 2 * * *", **zone, **after, "count": 1})
    assert answer.get_json()["next"][0]["local"] == "2027-03-15T02:30:00-04:00"
    moved = {"cron": "30 2 * * *", **zone, **after, "count": 1, "onGap": "next"}
    answer = client.post("/1/preview", json=moved)
    assert answer.get_json()["next"][0]["local"] == "2027-03-14T03:00:00-04:00"


@surprise("crontab", 8)
def no_start(client: FlaskClient) -> None:
    for cron in ("@reboot", "@every 5m"):
        refused(book(client, cron=cron), "cron")


@surprise("crontab", 9)
def missed(client: FlaskClient) -> None:
    assert book(client, cron="@daily", misfire="skip").status_code == 201
    due, now = utc(2026, 11, 22, 10), utc(2026, 11, 22, 12, 5)
    hourly = Cron(expression="@hourly")
    assert rearm(hourly, due_at=due, now=now).fire_at == due
    skip = Misfire(policy=MisfirePolicy.SKIP, window=None)
    assert rearm(hourly, due_at=due, now=now, misfire=skip).fire_at is None


@surprise("crontab", 10)
def repeated_calls(client: FlaskClient) -> None:
    page = " ".join((DOCS / "coming-from-crontab.md").read_text().split())
    assert "up to eight times in all, over 27 to 31 hours" in page
    assert book(client, cron="@daily", retry={"maxAttempts": 1}).status_code == 201


@surprise("quartz", 1)
def ten_minutes(client: FlaskClient) -> None:
    refused(book(client, cron="0 0/5 * * * ?"), "cron")
    assert [book(client, cron=f"0 {first}/10 * * * ?").status_code for first in (0, 5)] == [201] * 2


@surprise("quartz", 2)
def clock(client: FlaskClient) -> None:
    assert preview(client, "0 0 12 * * ?")["next"][0]["utc"] == "2026-11-22T12:00:00Z"
    in_berlin = preview(client, "0 0 12 * * ?", timezone="Europe/Berlin")
    assert in_berlin["next"][0]["utc"] == "2026-11-22T11:00:00Z"


@surprise("quartz", 3)
def two_stars(client: FlaskClient) -> None:
    assert days(client, "0 15 10 * * *") == days(client, "0 15 10 * * ?")
    assert booked(client, {**URL, "cron": "0 15 10 * * *"})["cron"] == "0 15 10 * * *"


@surprise("quartz", 4)
def names(client: FlaskClient) -> None:
    assert days(client, "0 0 12 ? * MONDAY-FRIDAY") == days(client, "0 0 12 ? * 2-6")
    for cron in ("0 0 12 ? * MON-FRI/2", "0 0 1,,3 * * ?"):
        refused(book(client, cron=cron), "cron")


@surprise("quartz", 5)
def lists(client: FlaskClient) -> None:
    assert days(client, "0 0 12 15,L * ?")[:3] == ["2026-11-30", "2026-12-15", "2026-12-31"]
    assert days(client, "0 0 12 1W,15W * ?")[:2] == ["2026-12-01", "2026-12-15"]
    for week_days in ("6L,2", "MON#1,WED#3", "MON,FRI#2"):
        refused(book(client, cron=f"0 0 12 ? * {week_days}"), "cron")


@surprise("quartz", 6)
def changes_of_the_clock(client: FlaskClient) -> None:
    zone = {"timezone": "America/New_York"}
    warnings = preview(client, "0 0/30 * * * ?", **zone)["warnings"]
    assert any("between 2027-11-07T04:30:00Z and 2027-11-07T06:00:00Z" in each for each in warnings)
    chosen = preview(client, "0 0/30 * * * ?", **zone, onOverlap="both", onGap="next")["warnings"]
    assert not any("Nothing fires" in each for each in chosen)


@surprise("quartz", 7)
def misfires(client: FlaskClient) -> None:
    refused(book(client, cron=OFTEN["cron"], misfire="DO_NOTHING"), "misfire")
    due, now = utc(2026, 11, 22, 10), utc(2026, 11, 22, 12, 5)
    hourly = Cron(expression="0 0 * * * ?")

    def made(policy: MisfirePolicy | None, window: float | None = None) -> tuple[Any, Any]:
        misfire = Misfire(policy=policy, window=window)
        found = rearm(hourly, due_at=due, now=now, misfire=misfire)
        return found.fire_at, found.next_at

    following = utc(2026, 11, 22, 13)
    assert made(None) == made(MisfirePolicy.ONE) == (due, following)
    assert made(MisfirePolicy.SKIP) == (None, following)
    assert made(MisfirePolicy.ALL) == (due, due + timedelta(hours=1))
    assert made(MisfirePolicy.ONE, 600) == (utc(2026, 11, 22, 12), following)


@surprise("quartz", 8)
def overlaps(client: FlaskClient) -> None:
    job = booked(client, OFTEN)
    for _ in range(2):
        assert client.post(f"/1/jobs/{job['id']}/fire").status_code == 202
    runs = client.get(f"/1/jobs/{job['id']}/runs").get_json()
    assert [run["state"] for run in runs] == ["claimed", "claimed"]


@surprise("quartz", 9)
def retries(client: FlaskClient) -> None:
    assert most_attempts(DEFAULT) == 8
    shortest = sum(DEFAULT_WAITS) / 3600
    assert 27 <= shortest <= shortest * (1 + JITTER) <= 31
    page = " ".join((DOCS / "coming-from-quartz.md").read_text().split())
    assert "up to eight times in all, over 27 to 31 hours" in page
    assert book(client, **OFTEN, retry={"maxAttempts": 1}).status_code == 201


@surprise("quartz", 10)
def no_future(client: FlaskClient) -> None:
    assert "never fires" in refused(book(client, cron="0 0 12 30 2 ?"), "cron")
    refused(book(client, cron=OFTEN["cron"], calendar="holidays"), "calendar")


@surprise("fusion", 1)
def runners(client: FlaskClient) -> None:
    assert put(client).status_code == 200
    assert client.get("/1/fusion-runners/datasource").status_code == 404
    assert "No runner for datasource" in missing("datasource", Dialect.FUSION)


@surprise("fusion", 2)
def tasks(client: FlaskClient) -> None:
    for uri in ("solr://movies/select", "service://api/x", "http://10.0.0.1/"):
        task = {"type": "rest-call", "callParams": {"uri": uri, "method": "get"}}
        refused(client.put("/api/tasks/a", json=task), "callParams.uri")


@surprise("fusion", 3)
def utc_alone(client: FlaskClient) -> None:
    trigger = {"type": "cron", "value": "0 0 12 * * ?"}
    asked = {"dialect": "fusion", "triggers": [trigger], "after": AFTER}
    found = client.post("/1/preview", json=asked).get_json()
    assert found["next"][0]["utc"] == "2026-11-22T12:00:00Z"
    zoned = {"triggers": [{**trigger, "timezone": "Europe/Berlin"}]}
    refused(put(client, zoned), "triggers[0].timezone")


@surprise("fusion", 4)
def older_scheduler(client: FlaskClient) -> None:
    assert client.get("/api/scheduler/schedules").status_code == 404


@surprise("fusion", 5)
def members(client: FlaskClient) -> None:
    trigger = {"type": "cron", "value": "0 0 12 * * ?"}
    refused(put(client, {"triggers": [{**trigger, "enable": False}]}), "triggers[0].enable")
    assert put(client, {"triggers": [{**trigger, "interval": 0}]}).status_code == 200
    assert saved(client, {"triggers": [trigger], "owner": "me"})["owner"] == "me"


@surprise("fusion", 6)
def starts(client: FlaskClient) -> None:
    saved(client, {"triggers": []})
    assert [act(client)["accepted"] for _ in range(2)] == [True, False]


@surprise("fusion", 7)
def schedules_go(client: FlaskClient) -> None:
    saved(client)
    assert client.delete(f"/api/jobs/{MOVIES}/schedule").status_code == 204
    assert act(client)["accepted"]
    assert client.delete(f"/api/jobs/{MOVIES}").status_code == 204
    assert client.get(f"/api/jobs/{MOVIES}").status_code == 404


@surprise("fusion", 8)
def dates(client: FlaskClient) -> None:
    interval = {"type": "interval", "interval": 1, "timeUnit": "day"}
    whole = {"triggers": [{**interval, "startTime": "2030-05-11"}]}
    refused(put(client, whole), "triggers[0].startTime")
    schedule = saved(client, {"triggers": [{**interval, "startTime": "2030-05-11T17:30+02:00"}]})
    assert schedule["triggers"][0]["startTime"] == "2030-05-11T15:30:00.000Z"


@surprise("fusion", 9)
def pages(client: FlaskClient) -> None:
    for number in range(2):
        saved(client, DAILY, f"spark:{number}")
    assert "Link" not in client.get("/api/jobs").headers
    assert 'rel="next"' in client.get("/api/jobs?limit=1").headers["Link"]
    assert client.get("/api/jobs?limit=1001").status_code == 400


@surprise("fusion", 10)
def sessions(client: FlaskClient) -> None:
    assert client.post("/api/session").status_code == 404


@pytest.mark.parametrize(
    ("page", "number"), [(page, number) for page, checks in CHECKS.items() for number in checks]
)
def test_each_difference_that_a_page_describes_is_so(
    client: FlaskClient, page: str, number: int
) -> None:
    CHECKS[page][number](client)


@pytest.mark.parametrize("page", CHECKS)
def test_each_section_of_a_page_has_a_check(page: str) -> None:
    text = (DOCS / f"coming-from-{page}.md").read_text()
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)]

    assert numbers == sorted(CHECKS[page]) == list(range(1, 11))


def test_native_runs_are_not_serial(client: FlaskClient, database: str) -> None:
    booked(client, OFTEN)
    with connect(database) as connection:
        assert not one(connection, "SELECT serial FROM due")
