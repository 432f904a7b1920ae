"""Inbox pages: what came, what the inbox answers, and what others cannot see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.api.context import context_of
from app.domain.inbox import (
    KEPT_BODY,
    KEPT_HEADERS,
    MAX_INBOXES,
    Answer,
    Inbox,
    NewCall,
    Received,
    Signature,
)
from app.domain.role import Role
from app.service import inboxes
from app.store import inbox_calls
from tests.console.people import SignedIn
from tests.console.rules import check_page

RECEIVED_AT = datetime.now(UTC)
CALL = Received(
    received_at=RECEIVED_AT,
    method="POST",
    path="/orders/<b>7",
    query="x=<script>",
    headers=(("content-type", "application/json"), ("x-own", "<img src=x onerror=alert(1)>")),
    body=b'{"amount": 12345678901234567890.10, "note": "</pre><script>alert(1)</script>"}',
    body_bytes=80,
    signature=Signature.VERIFIED,
    run_id=UUID(int=7),
    attempt=2,
    scheduled_for=RECEIVED_AT - timedelta(milliseconds=1.3),
)


def make(app: Flask, person: SignedIn, label: str = "") -> Inbox:
    with context_of(app).database.transaction() as connection:
        return inboxes.create(connection, person.account.id, label=label)


def receive(app: Flask, inbox: Inbox, *calls: Received, answer: Answer = Answer.OK) -> None:
    made = [NewCall(inbox_id=inbox.id, answer=answer, received=each) for each in calls]
    with context_of(app).database.session() as connection, connection.transaction():
        inbox_calls.store(connection, made)


def test_inboxes_are_created_listed_and_deleted(app: Flask, signed_in: SignedIn) -> None:
    assert "No inboxes yet" in check_page(signed_in.get("/console/inbox")).text_content()

    created = signed_in.post("/console/inbox", {"label": "orders"})
    assert created.status_code == 303
    path = created.headers["Location"]
    page = check_page(signed_in.get(path))
    assert "No calls yet" in page.text_content()
    (inbox,) = inboxes.list_inboxes(context_of(app), signed_in.account)
    assert inboxes.url_of(context_of(app), inbox) in page.text_content()
    assert "orders" in check_page(signed_in.get("/console/inbox")).text_content()

    check_page(signed_in.get(f"{path}/delete"))
    assert signed_in.post(f"{path}/delete").status_code == 303
    assert signed_in.client.get(path).status_code == 404


def test_a_label_that_is_refused_stays_in_the_form(app: Flask, signed_in: SignedIn) -> None:
    refused = signed_in.post("/console/inbox", {"label": "x" * 101})
    assert refused.status_code == 400
    page = check_page(refused.text)
    assert page.get_element_by_id("field-label").get("value") == "x" * 101
    for _ in range(MAX_INBOXES):
        make(app, signed_in)
    full = signed_in.post("/console/inbox", {"label": "more"})
    assert "the most an account may have" in check_page(full.text).text_content()


def test_calls_are_shown_newest_first_and_whole(app: Flask, signed_in: SignedIn) -> None:
    inbox = make(app, signed_in)
    strange = replace(
        CALL,
        signature=Signature.MISSING,
        run_id=None,
        attempt=None,
        scheduled_for=None,
        body=b"\xff",
    )
    receive(app, inbox, strange, CALL)

    page = check_page(signed_in.get(f"/console/inbox/{inbox.id}"))
    rows = [each.text_content() for each in page.xpath("//tbody[@id='calls-rows']/tr")]
    assert len(rows) == 2
    assert "1.3 ms" in rows[0]
    assert "verified" in rows[0]
    assert "attempt 2" in rows[0]
    assert "not signed" in rows[1]
    assert not page.xpath("//b[text()='7']")

    call = check_page(signed_in.get(f"/console/inbox/{inbox.id}/calls/2"))
    text = call.text_content()
    assert "12345678901234567890.10" in text
    assert "<script>alert(1)</script>" in text
    assert not call.xpath("//img | //script[not(@src)]")
    assert call.xpath(f"//a[@href='/console/runs/{CALL.run_id}']")
    assert "ff" in check_page(signed_in.get(f"/console/inbox/{inbox.id}/calls/1")).text_content()
    assert signed_in.client.get(f"/console/inbox/{inbox.id}/calls/3").status_code == 404
    assert signed_in.client.get(f"/console/inbox/{inbox.id}/calls/x").status_code == 404


def test_a_full_inbox_is_paged_and_light(app: Flask, signed_in: SignedIn) -> None:
    inbox = make(app, signed_in)
    large = replace(
        CALL, path="/" + "p" * 2000, query="q" * 2000, headers=(("x", "v" * KEPT_HEADERS),)
    )
    receive(app, inbox, *[large] * 60)

    first = check_page(signed_in.get(f"/console/inbox/{inbox.id}"))
    (older,) = first.xpath("//a[@rel='next']/@href")
    second = check_page(signed_in.get(older))
    numbers = [each.text_content() for each in second.xpath("//tbody[@id='calls-rows']/tr/td[1]")]
    assert numbers == [str(number) for number in range(35, 10, -1)]
    assert not second.xpath("//main[@data-live]")
    assert signed_in.client.get(f"/console/inbox/{inbox.id}?cursor=x").status_code == 400


def test_the_largest_call_is_shown(app: Flask, signed_in: SignedIn) -> None:
    inbox = make(app, signed_in)
    receive(app, inbox, replace(CALL, body=b"\x00" * KEPT_BODY, body_bytes=5_000_000))
    text = check_page(
        signed_in.get(f"/console/inbox/{inbox.id}/calls/1"), most_bytes=160 * 1024
    ).text_content()
    assert "5,000,000 bytes" in text
    assert "16,384 bytes are kept" in text


def test_the_kept_beginning_of_a_text_is_shown_as_text(app: Flask, signed_in: SignedIn) -> None:
    inbox = make(app, signed_in)
    whole = ("x" + "時" * KEPT_BODY).encode()
    receive(app, inbox, replace(CALL, body=whole[:KEPT_BODY], body_bytes=len(whole)))
    page = check_page(signed_in.get(f"/console/inbox/{inbox.id}/calls/1"), most_bytes=80 * 1024)
    shown = page.xpath("string(//pre[@aria-label='the body'])")
    assert shown == "x" + "時" * (KEPT_BODY // 3)
    start = " ".join(check_page(signed_in.get("/console/start")).text_content().split())
    assert "x時時" in start


@pytest.mark.parametrize("answer", list(Answer))
def test_the_answer_is_chosen(app: Flask, signed_in: SignedIn, answer: Answer) -> None:
    inbox = make(app, signed_in, label="kept")
    path = f"/console/inbox/{inbox.id}"
    assert signed_in.post(f"{path}/answer", {"answer": str(answer)}).status_code == 303
    page = check_page(signed_in.get(path))
    (pressed,) = page.xpath("//button[@name='answer'][@aria-pressed='true']/@value")
    assert pressed == str(answer)
    assert inboxes.get(context_of(app), signed_in.account, inbox.id).label == "kept"
    assert signed_in.post(f"{path}/answer", {"answer": "200"}).status_code == 400


def test_readers_see_and_change_nothing(app: Flask, signed_in: SignedIn) -> None:
    inbox = make(app, signed_in)
    reader = signed_in.with_role(Role.READER)
    page = check_page(reader.get(f"/console/inbox/{inbox.id}"))
    assert len(page.xpath("//button[@name='answer'][@disabled]")) == len(Answer)
    for path, form in (
        ("/console/inbox", {}),
        (f"/console/inbox/{inbox.id}/answer", {"answer": "500"}),
        (f"/console/inbox/{inbox.id}/delete", {}),
    ):
        assert reader.post(path, form).status_code == 403


def test_the_inboxes_of_others_are_not_there(
    app: Flask, signed_in: SignedIn, other_user: SignedIn
) -> None:
    inbox = make(app, signed_in)
    receive(app, inbox, CALL)
    path = f"/console/inbox/{inbox.id}"
    found: list[Any] = [other_user.client.get(each) for each in (path, f"{path}/calls/1")]
    found += [
        other_user.client.get(f"{path}/delete"),
        other_user.client.get(f"/console/inbox/{uuid4()}"),
    ]
    found += [
        other_user.post(f"{path}/delete"),
        other_user.post(f"{path}/answer", {"answer": "500"}),
    ]
    assert [each.status_code for each in found] == [404] * 6
    assert inboxes.get(context_of(app), signed_in.account, inbox.id) is not None
