"""Pages of runs, a run, upcoming firings and the overview: empty and full, and what they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from app.console.run_query import MANY
from app.domain.role import Role
from app.service import run_pages
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.console.run_scene import HOSTILE, add_live, add_run
from tests.factories import book, one

PATHS = ("/console/", "/console/runs", "/console/upcoming")


@pytest.mark.parametrize("path", PATHS)
def test_an_account_without_anything_sees_what_to_do(signed_in: SignedIn, path: str) -> None:
    document = check_page(signed_in.get(path))
    assert document.xpath("//section[@class='empty']//a")


@pytest.mark.parametrize("path", PATHS)
def test_full_pages_keep_the_rules_and_are_short(
    signed_in: SignedIn, connection: psycopg.Connection, path: str
) -> None:
    for number in range(70):
        job_id = book(
            connection, signed_in.account.id, due_in=3600 + 60 * number, cron="0 0 12 * * ?"
        )
        add_run(
            connection,
            signed_in.account.id,
            state=("failed", "succeeded", "dead", "cancelled")[number % 4],
            ago=timedelta(minutes=20 * number),
            job_id=job_id,
        )
    for state in ("waiting", "running"):
        add_live(connection, signed_in.account.id, state)
    add_run(connection, signed_in.account.id, state="dead", status=None)
    document = check_page(signed_in.get(path))
    rows = document.xpath("//main//table[contains(@class, 'rows')][last()]/tbody/tr")
    assert len(rows) >= (10 if path == "/console/" else run_pages.PAGE)
    assert HOSTILE not in signed_in.get(path)


@pytest.mark.parametrize("status", [503, None])
def test_a_run_is_shown_with_the_receiver_s_response_as_text(
    signed_in: SignedIn, connection: psycopg.Connection, status: int | None
) -> None:
    run_id = add_run(connection, signed_in.account.id, body=HOSTILE, status=status, late_ms=12.34)
    html = signed_in.get(f"/console/runs/{run_id}")
    document = check_page(html)
    assert HOSTILE not in html
    assert "<script>alert" not in html
    text = document.text_content()
    assert "12 ms late" in text
    assert "10000000000000000000001.50" in text
    assert ("timed out" in text) == (status is None)
    assert len(document.xpath("//table[@class='rows']/tbody/tr")) == 2
    assert document.xpath("//ol[@class='steps']/li")
    if status:
        assert HOSTILE in document.xpath("string(//pre[@aria-label='the response body'])")
    first = check_page(signed_in.get(f"/console/runs/{run_id}?attempt=1"))
    assert "first" in first.xpath("string(//pre[@aria-label='the response body'])") or not status


@pytest.mark.parametrize(
    ("query", "status"),
    [("?attempt=3", 404), ("?attempt=0", 400), ("?attempt=x", 400), ("?other=1", 400)],
)
def test_an_attempt_that_there_is_not_is_refused(
    signed_in: SignedIn, connection: psycopg.Connection, query: str, status: int
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    answer = signed_in.client.get(f"/console/runs/{run_id}{query}")
    assert answer.status_code == status
    check_page(answer.data)


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_run_under_way_says_why_it_waits(
    signed_in: SignedIn, connection: psycopg.Connection, state: str
) -> None:
    run_id = add_live(connection, signed_in.account.id, state)
    document = check_page(signed_in.get(f"/console/runs/{run_id}"))
    assert "50 calls to example.com" in document.text_content()
    buttons = {each.get("value") for each in document.xpath("//button[@name='status']")}
    assert buttons == ({"succeeded", "failed"} if state == "running" else set())
    assert document.xpath("//main/@data-live") == ["3"]
    assert not document.xpath("//a[contains(@href, '/redeliver')]")


def test_the_list_is_narrowed_and_leads_both_ways(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    account_id = signed_in.account.id
    for number in range(60):
        add_run(connection, account_id, ago=timedelta(minutes=number + 1), late_ms=number)
    late = add_run(connection, account_id, late_ms=250, ago=timedelta(hours=3), kind="manual")

    def ids(path: str) -> tuple[list[str], Any]:
        document = check_page(signed_in.get(path))
        found = document.xpath("//tr//time/a/@href")
        return [each.rpartition("/")[2] for each in found if "runs/" in each], document

    first, document = ids("/console/runs")
    (older,) = document.xpath("//a[@rel='next']/@href")
    assert document.xpath("//main/@data-live") == ["3"]
    second, document = ids(older)
    (newer,) = document.xpath("//a[@rel='prev']/@href")
    assert not document.xpath("//main/@data-live")
    assert len(first) == run_pages.PAGE
    assert second[-1] == str(late)
    assert not set(first) & set(second)
    assert ids(newer)[0] == first

    for query in (
        "minLatenessMs=100",
        "kind=manual&state=&host=&within=",
        "kind=manual&lastStatus=5xx&host=example.com&within=24h",
    ):
        found, document = ids(f"/console/runs?{query}")
        assert found == [str(late)], query
    assert ids("/console/runs?within=1h&kind=manual")[0] == []
    form = document.xpath("//form[@id='filters']")[0]
    assert form.xpath("string(.//select[@name='kind']/option[@selected])") == "manual"


def test_times_of_the_form_are_in_the_zone_of_the_page(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    connection.execute("UPDATE web_user SET zone = 'Asia/Kathmandu'")
    due = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    run_id = add_run(connection, signed_in.account.id, ago=datetime.now(UTC) - due)
    for after, count in (
        ("2026-11-22T15:14", 1),
        ("2026-11-22T15:16", 0),
        ("2026-11-22T09:29Z", 1),
    ):
        document = check_page(signed_in.get(f"/console/runs?after={after}"))
        assert len(document.xpath(f"//tr//a[@href='runs/{run_id}']")) == count, after
    value = document.xpath("//input[@name='after']/@value")
    assert value == ["2026-11-22T15:14"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("name", ["after", "before"])
def test_the_ends_of_the_calendar_are_filters_in_every_zone(
    signed_in: SignedIn, connection: psycopg.Connection, zone: str, name: str
) -> None:
    connection.execute("UPDATE web_user SET zone = %s", [zone])
    for instant in ("0001-01-01T00:00", "9999-12-31T23:59"):
        for suffix in ("", "Z"):
            check_page(signed_in.get(f"/console/runs?{name}={instant}{suffix}"))


def test_the_form_of_the_filters_has_all_states_kinds_and_results(signed_in: SignedIn) -> None:
    query = "state=failed&state=dead&kind=scheduled&kind=manual&lastStatus=5xx,error"
    form = check_page(signed_in.get(f"/console/runs?{query}")).xpath("//form[@id='filters']")[0]
    assert [pair for pair in form.form_values() if pair[0] in MANY] == [
        ("state", "failed"),
        ("state", "dead"),
        ("kind", "scheduled"),
        ("kind", "manual"),
        ("lastStatus", "5xx"),
        ("lastStatus", "error"),
    ]


@pytest.mark.parametrize(
    "query",
    ["stat=failed", "state=over", "minLatenessMs=soon", "within=1y",
     "within=1h&after=2026-01-01T00Z", "older=x", "older=x&newer=y", "host=a:1",
     "job=1", "after=yesterday", "kind=odd",
     "within=1h&within=1h"],
)  # fmt: skip
def test_filters_that_cannot_be_applied_are_refused(signed_in: SignedIn, query: str) -> None:
    answer = signed_in.client.get(f"/console/runs?{query}")
    assert answer.status_code == 400
    assert check_page(answer.data).xpath("//h1")


@pytest.mark.parametrize("query", ["cursor=x", "until=1", "host=a:1", "tag=" + "x" * 99])
def test_filters_of_upcoming_firings_are_refused_too(signed_in: SignedIn, query: str) -> None:
    assert signed_in.client.get(f"/console/upcoming?{query}").status_code == 400


def test_upcoming_firings_are_paged_and_counted(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    for number in range(60):
        book(connection, signed_in.account.id, due_in=7200 + number)
    first = check_page(signed_in.get("/console/upcoming"))
    (later,) = first.xpath("//a[@rel='next']/@href")
    second = check_page(signed_in.get(later))
    rows = [document.xpath("//tr[starts-with(@id, 'f-')]/@id") for document in (first, second)]
    assert [len(each) for each in rows] == [50, 10]
    assert not set(rows[0]) & set(rows[1])
    assert "Busiest minute" in first.text_content()
    assert check_page(signed_in.get("/console/upcoming?host=127.0.0.1&tag=")).xpath("//tr/@id")
    assert "No match" in signed_in.get("/console/upcoming?host=none.example")


def test_a_running_run_is_completed_by_a_form_without_script(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_live(connection, signed_in.account.id, "running")
    path = f"/console/runs/{run_id}/complete"
    for form, member in (({}, "status"), ({"status": "failed", "message": "x" * 2000}, "message")):
        refused = signed_in.post(path, form)
        assert refused.status_code == 400, member
        check_page(refused.data)
    answer = signed_in.post(path, {"status": "failed", "message": "out of paper"})
    assert answer.status_code == 303
    assert "out of paper" in signed_in.get(f"/console/runs/{run_id}")
    over = signed_in.post(path, {"status": "succeeded"})
    assert over.status_code == 409
    check_page(over.data)


def test_another_account_s_runs_are_not_there(
    signed_in: SignedIn, other_user: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    running = add_live(connection, signed_in.account.id, "running")
    unknown = UUID(int=1)
    for each in (run_id, unknown):
        assert other_user.client.get(f"/console/runs/{each}").status_code == 404
        assert other_user.client.get(f"/console/runs/{each}/redeliver").status_code == 404
        assert other_user.post(f"/console/runs/{each}/redeliver").status_code == 404
    form = {"status": "succeeded"}
    assert other_user.post(f"/console/runs/{running}/complete", form).status_code == 404
    selected = other_user.get(f"/console/runs/redeliver?id={run_id}")
    assert "No run can be sent again" in selected
    assert str(run_id) not in other_user.get("/console/runs")
    assert str(run_id) not in other_user.get("/console/")


def test_readers_see_runs_and_change_none(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    running = add_live(connection, signed_in.account.id, "running")
    reader = signed_in.with_role(Role.READER)
    for path in (*PATHS, f"/console/runs/{run_id}", f"/console/runs/{running}"):
        document = check_page(reader.get(path))
        assert not document.xpath("//main//form[@method='post']"), path
        assert not document.xpath("//main//a[contains(@href, 'redeliver')]"), path
    for path in (f"/console/runs/{run_id}/redeliver", "/console/runs/redeliver"):
        assert reader.client.get(path).status_code == 403
        assert reader.post(path).status_code == 403
    assert reader.post(f"/console/runs/{running}/complete", {}).status_code == 403


@pytest.mark.parametrize(
    "path", [*PATHS, f"/console/runs/{UUID(int=1)}", "/console/runs/redeliver"]
)
def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(signed_in: SignedIn, path: str) -> None:
    signed_in.client.delete_cookie("wakecall")
    answer = signed_in.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/console/login")


def test_forms_without_a_token_are_refused(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    for path in (f"/console/runs/{run_id}/redeliver", "/console/runs/redeliver"):
        answer = signed_in.client.post(path, data={"state": "failed"})
        assert 400 <= answer.status_code < 500
    assert one(connection, "SELECT count(*) FROM inflight") == 0
