"""The front page: what strangers see at `/`, and what they can do there."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection

from app.api.context import context_of
from app.console import lateness_chart
from app.domain.lateness import BOUNDS, Histogram, bucket
from app.people_commands import beta, invite, user
from app.service import sign_up
from app.store import accuracy
from app.store.database import declare_away
from tests.console.people import SignedIn, add_user, browser_of, find_account, post
from tests.console.rules import check_page
from tests.factories import connect, one


def test_browsers_get_a_page_and_programs_a_problem(app: Flask) -> None:
    page = browser_of(app).get("/")
    check_page(page.data)
    assert page.status_code == 200
    assert "No calls were made" in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    for accept in ("application/json", "*/*", None):
        headers = {} if accept is None else {"Accept": accept}
        answer = app.test_client().get("/", headers=headers)
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"
    assert browser_of(app).post("/").status_code == 404


def test_a_signed_in_browser_gets_the_page_while_the_database_is_away(
    signed_in: SignedIn,
) -> None:
    declare_away(is_away=True)
    try:
        answer = signed_in.client.get("/")
    finally:
        declare_away(is_away=False)
    assert answer.status_code == 200
    assert "Sign in" in check_page(answer.data).text_content()


def test_the_page_shows_how_late_the_calls_of_all_accounts_began(app: Flask, database: str) -> None:
    for name in ("demo", "other"):
        add_user(app, f"{name}@example.com", name)
    counts = [0] * (bucket(400.0) + 1)
    counts[bucket(1.5)] = 99
    counts[bucket(400.0)] = 1
    ids = [find_account(app, name).id for name in ("demo", "other")]
    with connect(database) as connection:
        accuracy.add(connection, {each: Histogram(counts=counts, most_ms=400.0) for each in ids})
    page = browser_of(app).get("/")
    document = check_page(page.data)
    text = document.text_content()
    assert "200 calls of the last 24 hours" in text
    shares = [each.text_content() for each in document.xpath("//td[3]")]
    assert shares.count("99.0 %") == 1
    assert shares.count("1.0 %") == 1
    assert len(document.xpath("//svg[@class='bars']/rect")) == 2


def test_the_figures_are_read_once_in_five_minutes(app: Flask, monkeypatch: Any) -> None:
    asked: list[int] = []
    read = accuracy.of_everybody

    def counting(connection: Connection) -> Any:
        asked.append(1)
        return read(connection)

    monkeypatch.setattr(accuracy, "of_everybody", counting)
    for _ in range(3):
        assert browser_of(app).get("/").status_code == 200
    assert asked == [1]


def test_no_call_is_counted_as_earlier_than_it_was() -> None:
    for lateness in (0.05, 0.5, 1.0, 7.0, 99.9, 1000.0, 10_000_000.0):
        counts = [0] * (len(BOUNDS) + 1)
        counts[bucket(lateness)] = 1
        shown = lateness_chart.bars(Histogram(counts=counts, most_ms=lateness))
        place = next(index for index, each in enumerate(shown) if each.number)
        edges = (*lateness_chart.EDGES_MS, float("inf"))
        assert lateness <= edges[place]
    assert lateness_chart.percent(0.0) == "0.0 %"
    assert lateness_chart.percent(0.0001) == "< 0.1 %"


def test_a_request_is_stored_once_and_answered_alike(app: Flask, database: str) -> None:
    add_user(app, "known@example.com", "demo")
    texts = set()
    for email in ("grace@example.com", "grace@example.com", "known@example.com"):
        form = {"email": email, "purpose": "Invoices\r\nat night"}
        answer = post(browser_of(app), "/console/beta", form)
        assert answer.status_code == 200
        texts.add(answer.text.split("<footer")[0].split("<main")[1])
    assert len(texts) == 1
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM beta_request") == 2
    answer = post(browser_of(app), "/console/beta", {"email": "x", "purpose": ""})
    assert answer.status_code == 400
    check_page(answer.data)


def test_who_was_accepted_may_ask_again_once_the_invitation_has_ended(
    app: Flask, database: str
) -> None:
    runner, email = app.test_cli_runner(), "grace@example.com"

    def asked() -> str:
        sign_up.request(context_of(app), email, "Invoices", "127.0.0.1")
        return runner.invoke(beta, ["list"]).output

    assert email in asked()
    assert runner.invoke(beta, ["accept", email]).exit_code == 0
    assert asked() == ""
    with connect(database) as connection:
        connection.execute("UPDATE invitation SET expires_at = clock_timestamp()")
    assert asked().count(email) == 1
    assert runner.invoke(beta, ["accept", email]).exit_code == 0
    assert asked() == ""
    with connect(database) as connection:
        connection.execute("UPDATE invitation SET expires_at = clock_timestamp()")
    add_user(app, email, "demo")
    assert asked() == ""


def test_strangers_cannot_fill_the_list(app: Flask) -> None:
    answers = [
        post(browser_of(app), "/console/beta", {"email": f"a{number}@example.com"}).status_code
        for number in range(6)
    ]
    assert answers == [200] * 5 + [429]


def test_what_a_stranger_writes_is_text(app: Flask) -> None:
    form = {"email": '"><script>x@y', "purpose": "</textarea><script>alert(1)</script>"}
    page = post(browser_of(app), "/console/beta", form)
    document = check_page(page.data)
    assert document.get_element_by_id("field-purpose").text.lstrip() == form["purpose"]


def test_the_operator_lists_and_accepts(app: Flask, signed_in: SignedIn) -> None:
    runner = app.test_cli_runner()
    sign_up.request(context_of(app), "Grace@example.com", "Invoices\nat night", "127.0.0.1")
    assert "grace@example.com  Invoices at night" in runner.invoke(beta, ["list"]).output
    link = runner.invoke(beta, ["accept", "grace@example.com"]).output
    assert "/console/join/" in link
    assert runner.invoke(beta, ["list"]).output == ""
    assert "(accepted)" in runner.invoke(beta, ["list", "--all"]).output
    assert runner.invoke(beta, ["accept", "nobody@example.com"]).exit_code == 1

    arguments = ["create", "--note", "Ada", "--account", "demo", "--role", "member", "--uses", "2"]
    assert "/console/join/" in runner.invoke(invite, arguments).output
    listed = runner.invoke(invite, ["list"]).output
    assert "0/2  demo (member)  anyone  Ada" in listed
    number = listed.split()[0]
    assert runner.invoke(invite, ["revoke", number]).exit_code == 0
    assert "Ada" not in runner.invoke(invite, ["list"]).output
    assert runner.invoke(invite, ["revoke", "999999"]).exit_code == 1
    assert runner.invoke(invite, ["create", "--expires", "1y"]).exit_code == 2

    assert f"{signed_in.email}  demo (owner)" in runner.invoke(user, ["list"]).output
    assert runner.invoke(user, ["operator", signed_in.email]).exit_code == 0
    assert runner.invoke(user, ["list"]).output.endswith("operator\n")
    assert runner.invoke(user, ["add", "new@example.com", "--account", "demo"]).exit_code == 0
    for command in ("reset", "sign-in"):
        assert f"/console/{command}/" in runner.invoke(user, [command, "new@example.com"]).output
        assert runner.invoke(user, [command, "nobody@example.com"]).exit_code == 1


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_the_page_offers_what_is_possible(make_app: Any, mode: str) -> None:
    page = browser_of(make_app(WAKECALL_SIGNUP=mode)).get("/")
    document = check_page(page.data)
    actions = document.xpath("//form/@action")
    assert actions == (["/console/sign-up"] if mode == "open" else [])
