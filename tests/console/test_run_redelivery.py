"""Redelivery on the console: of one run, of selected runs, and of all that match, in steps."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from flask import Flask

from app.console import page_context
from app.console.pages import redelivery
from tests.console.people import SignedIn, add_user, find_account
from tests.console.rules import check_page
from tests.console.run_scene import add_run
from tests.factories import one


def test_a_run_is_redelivered_by_a_form_without_script(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    path = f"/console/runs/{run_id}/redeliver"
    question = check_page(signed_in.get(path))
    assert question.xpath(f"//form[@method='post'][@action='{path}']")

    answer = signed_in.post(path)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/runs/{run_id}")
    assert one(connection, "SELECT id FROM inflight") == run_id
    again = signed_in.post(path)
    assert again.status_code == 409
    assert "is under way" in check_page(again.data).get_element_by_id("problem").text_content()


def follow(signed_in: SignedIn, document: Any) -> tuple[Any, int]:
    """Send the forms of a redelivery until it is over; the last page, and how often."""
    sent = 0
    while forms := document.xpath("//main//form[@method='post']"):
        fields: dict[str, list[str]] = {}
        for each in forms[0].xpath(".//input[@type='hidden']"):
            if each.get("name") != "csrf_token":
                fields.setdefault(each.get("name"), []).append(each.get("value"))
        answer = signed_in.post(forms[0].get("action"), fields)
        assert answer.status_code == 303, answer.text
        sent += 1
        document = check_page(signed_in.get(answer.headers["Location"]))
        assert check_page(signed_in.get(answer.headers["Location"])) is not None
    return document, sent


def test_all_that_match_are_counted_then_redelivered_step_by_step(
    signed_in: SignedIn, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "PAGE", 2)
    account_id = signed_in.account.id
    for number in range(5):
        add_run(connection, account_id, ago=timedelta(minutes=number + 1), kind="manual")
    lost = add_run(connection, account_id, kind="manual", ago=timedelta(minutes=9))
    connection.execute(
        "DELETE FROM superseded WHERE job_id = (SELECT job_id FROM run WHERE id = %s)", (lost,)
    )
    often = add_run(connection, account_id, kind="manual", ago=timedelta(minutes=8))
    connection.execute("UPDATE run SET attempts = 1000 WHERE id = %s", (often,))
    other = add_run(connection, account_id, ago=timedelta(minutes=2))

    question = check_page(signed_in.get("/console/runs/redeliver?kind=manual&within=24h"))
    assert [each.text for each in question.xpath("//*[contains(@class, 'figure')]/b")] == ["5", "2"]
    assert "attempted 1,000 times" in question.text_content()
    later = add_run(connection, account_id, kind="manual", ago=timedelta(seconds=-1))
    last, steps = follow(signed_in, question)

    assert steps >= 3
    assert "5 of 5 runs sent again, 2 cannot be sent again" in " ".join(last.text_content().split())
    assert one(connection, "SELECT count(*) FROM inflight") == 5
    left = {row[0] for row in connection.execute("SELECT id FROM run").fetchall()}
    assert left == {lost, often, other, later}


def test_another_zone_of_the_pages_sends_no_other_runs_than_were_counted(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    connection.execute("UPDATE web_user SET zone = 'Asia/Tokyo'")
    add_run(connection, signed_in.account.id, ago=timedelta(hours=5))
    tokyo = datetime.now(ZoneInfo("Asia/Tokyo")) - timedelta(hours=6)
    question = check_page(signed_in.get(f"/console/runs/redeliver?after={tokyo:%Y-%m-%dT%H:%M}"))
    assert question.xpath("string(//*[contains(@class, 'figure')]/b)") == "1"
    signed_in.client.set_cookie(page_context.ZONE_COOKIE, page_context.IN_UTC)

    last, _ = follow(signed_in, question)

    assert "1 of 1 runs sent again" in " ".join(last.text_content().split())
    assert one(connection, "SELECT count(*) FROM inflight") == 1


def test_only_an_address_of_this_session_and_account_goes_on_by_itself(
    app: Flask,
    signed_in: SignedIn,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redelivery, "PAGE", 2)
    for number in range(5):
        add_run(connection, signed_in.account.id, ago=timedelta(minutes=number + 1))
    add_user(app, signed_in.email, "second")

    def goes_on(place: str) -> bool:
        (form,) = check_page(signed_in.get(place)).xpath("//main//form[@method='post']")
        return "data-continue" in form.attrib

    fields = {"state": ["failed", "dead"], "of": "5"}
    place = signed_in.post("/console/runs/redeliver", fields).headers["Location"]
    assert goes_on(place)
    assert not goes_on(place.partition("&proof=")[0])
    assert not goes_on(place.replace("of=5", "of=6"))
    second = find_account(app, "second")
    assert signed_in.post("/console/switch", {"account": second.id}).status_code == 303
    assert not goes_on(place)


def test_the_clock_of_the_web_leaves_out_no_run_that_was_counted(
    signed_in: SignedIn, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) - timedelta(hours=1)

    monkeypatch.setattr(page_context, "datetime", Behind)
    add_run(connection, signed_in.account.id, ago=timedelta(minutes=1))

    question = check_page(signed_in.get("/console/runs/redeliver"))
    follow(signed_in, question)

    assert one(connection, "SELECT count(*) FROM inflight") == 1


def test_selected_runs_are_redelivered_whatever_their_state(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    account_id = signed_in.account.id
    chosen = [add_run(connection, account_id, state=each) for each in ("succeeded", "failed")]
    add_run(connection, account_id)
    query = "&".join(f"id={each}" for each in chosen)
    question = check_page(signed_in.get(f"/console/runs/redeliver?{query}"))
    assert "Of the 2 selected runs, 2 can be sent again" in question.text_content()
    follow(signed_in, question)
    rows = connection.execute("SELECT id FROM inflight").fetchall()
    assert sorted(row[0] for row in rows) == sorted(chosen)


@pytest.mark.parametrize(
    ("query", "status"),
    [("state=succeeded", 400), ("id=x", 400), ("&".join(["id=" + str(UUID(int=1))] * 51), 400),
     ("limit=1", 400), ("state=failed", 200), ("id=" + str(UUID(int=1)), 200)],
)  # fmt: skip
def test_redelivery_of_many_refuses_what_it_cannot_do(
    signed_in: SignedIn, query: str, status: int
) -> None:
    answer = signed_in.client.get(f"/console/runs/redeliver?{query}")
    assert answer.status_code == status
    document = check_page(answer.data)
    assert not document.xpath("//main//form[@method='post']")


@pytest.mark.parametrize("query", ["sent=x", "sent=-1", "of=99999999999999", "cursor=x"])
def test_progress_that_nobody_made_is_refused(signed_in: SignedIn, query: str) -> None:
    assert signed_in.client.get(f"/console/runs/redelivery?{query}").status_code == 400


def test_a_link_to_a_redelivery_sends_nothing_by_itself(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    add_run(connection, signed_in.account.id)
    for path in ("/console/runs/redeliver?state=failed", "/console/runs/redelivery?of=5"):
        check_page(signed_in.get(path))
    assert one(connection, "SELECT count(*) FROM inflight") == 0
