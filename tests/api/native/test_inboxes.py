"""Inboxes over HTTP: created, shown, changed and deleted in every format, and their calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs import generic_codec
from app.api.native.documents import inbox as inbox_document
from app.domain.inbox import (
    MAX_INBOXES,
    Answer,
    Inbox,
    InboxCall,
    NewCall,
    Received,
    Signature,
)
from app.store import inbox_calls
from tests.api.conftest import MakeApp, client_of
from tests.api.golden import golden
from tests.factories import connect

INBOXES = "/1/inboxes"
JSON = {"Accept": "application/json"}
XML = {"Content-Type": "text/xml", "Accept": "text/xml"}
CAME = datetime(2026, 11, 22, 9, 30, 0, 1300, tzinfo=UTC)
SHOWN = Inbox(
    id=UUID("01938a4e-0000-7000-8000-0000000000a1"),
    token="kT3vY8sQpLz5RwXc1NfGh7JbMd9Ua2Ee",
    label="orders",
    answer=Answer.ERROR,
    created_at=CAME - timedelta(hours=1),
    last_number=7,
    last_call_at=CAME,
)
URL = f"https://wakecall.example.com/in/{SHOWN.token}"
RECEIVED = Received(
    received_at=CAME,
    method="POST",
    path="/paid",
    query="shop=1",
    headers=(("content-type", "application/json"), ("wakecall-attempt", "1")),
    body=b'{"order": 7}',
    body_bytes=12,
    signature=Signature.VERIFIED,
    run_id=UUID("01938a4e-0000-7000-8000-0000000000b2"),
    attempt=1,
    scheduled_for=CAME - timedelta(microseconds=1300),
)
BARE = Received(
    received_at=CAME,
    method="GET",
    path="",
    query="",
    headers=(),
    body=b"\xff\x00",
    body_bytes=20_000,
    signature=Signature.MISSING,
)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def other_client(app: Flask, make_key: Callable[[], str]) -> FlaskClient:
    """Calls with the key of another account."""
    return client_of(app, make_key())


def made(client: FlaskClient, **members: Any) -> dict[str, Any]:
    answer = client.post(INBOXES, json=members, headers=JSON)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.get_json()
    return shown


def receive(connection: psycopg.Connection, inbox: dict[str, Any], number: int = 1) -> None:
    call = NewCall(inbox_id=UUID(inbox["id"]), answer=Answer.OK, received=RECEIVED)
    with connection.transaction():
        inbox_calls.store(connection, [call] * number)


def test_inboxes_and_calls_are_written_as_in_the_golden_files() -> None:
    for name, value in (
        ("inbox", inbox_document.render(SHOWN, URL)),
        ("inboxes", [inbox_document.render(SHOWN, URL)]),
        (
            "calls",
            [
                inbox_document.render_call(InboxCall(number=7, answer=Answer.OK, received=each))
                for each in (RECEIVED, BARE)
            ],
        ),
    ):
        assert generic_codec.to_json(name, value) == golden(f"{name}.response.json")
        assert generic_codec.to_xml(name, value) == golden(f"{name}.response.xml")


def test_an_inbox_is_created_alike_in_every_format(client: FlaskClient) -> None:
    sent = {"data": golden("inbox.request.json"), "content_type": "application/json"}
    in_json = client.post(INBOXES, **sent, headers=JSON)
    shown = in_json.get_json()
    assert (in_json.status_code, shown["label"], shown["answer"]) == (201, "orders", "500")
    assert in_json.headers["Location"] == f"{INBOXES}/{shown['id']}"
    assert shown["url"].startswith("http://127.0.0.1:8000/in/")

    root = etree.fromstring(
        client.post(INBOXES, data=golden("inbox.request.xml"), headers=XML).data
    )
    assert [each.tag for each in root] == list(shown)
    assert root.findtext("answer") == "500"

    bare = client.post(INBOXES)
    assert bare.content_type == "text/plain; charset=utf-8"
    urls = [shown["url"], root.findtext("url"), bare.text]
    listed = client.get(INBOXES)
    assert [each["url"] for each in listed.get_json()] == urls
    assert [each["answer"] for each in listed.get_json()] == ["500", "500", "204"]
    assert client.get(INBOXES, headers={"Accept": "text/plain"}).text.splitlines() == urls
    assert len(etree.fromstring(client.get(INBOXES, headers=XML).data)) == 3
    path = in_json.headers["Location"]
    assert client.get(path).get_json() == shown
    assert client.get(path, headers={"Accept": "text/plain"}).text == shown["url"]


def test_an_inbox_is_changed_and_deleted(client: FlaskClient) -> None:
    path = f"{INBOXES}/{made(client, label='orders')['id']}"

    changed = client.put(path, json={"answer": "wait"})
    assert (changed.status_code, changed.get_json()["answer"]) == (200, "wait")
    assert changed.get_json()["label"] == ""
    assert client.delete(path).status_code == 204
    for answer in (client.get(path), client.put(path, json={}), client.delete(path)):
        assert (answer.status_code, answer.get_json()["member"]) == (404, "id")


@pytest.mark.parametrize(
    ("document", "member"),
    [
        ({"answer": "200"}, "answer"),
        ({"answer": 204}, "answer"),
        ({"label": "x" * 101}, "label"),
        ({"token": "mine"}, "token"),
        ({"id": "1"}, "id"),
    ],
)
def test_what_an_inbox_cannot_be_is_refused(
    client: FlaskClient, document: dict[str, Any], member: str
) -> None:
    answer = client.post(INBOXES, json=document, headers=JSON)
    assert (answer.status_code, answer.get_json()["member"]) == (400, member)


def test_an_account_has_a_few(client: FlaskClient) -> None:
    for _ in range(MAX_INBOXES):
        made(client)
    refused = client.post(INBOXES, headers=JSON)
    assert refused.status_code in {409, 429, 403}
    assert refused.get_json()["limit"] == "inboxes"


def test_calls_are_listed_newest_first_or_after_a_number(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    inbox = made(client)
    path = f"{INBOXES}/{inbox['id']}/calls"
    assert client.get(path).get_json() == []
    receive(connection, inbox, 5)

    def numbers(query: str) -> list[int]:
        return [each["number"] for each in client.get(f"{path}?{query}").get_json()]

    assert numbers("") == [5, 4, 3, 2, 1]
    assert numbers("after=3") == [4, 5]
    assert numbers("after=0&limit=2") == [1, 2]
    # What is there already is not waited for.
    assert numbers("wait=25") == [1, 2, 3, 4, 5]
    assert numbers("after=5") == []
    first = client.get(f"{path}?limit=2")
    following = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert [each["number"] for each in client.get(following).get_json()] == [3, 2]
    assert client.get(f"{path}/4").get_json()["run"] == str(RECEIVED.run_id)
    assert client.get(f"{path}/6").status_code == 404
    assert client.get(f"{path}/{'9' * 40}").status_code == 404
    assert len(etree.fromstring(client.get(path, headers=XML).data)) == 5


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("wait=26", "wait"),
        ("wait=-1", "wait"),
        ("wait=soon", "wait"),
        ("after=x", "after"),
        ("after=99999999999999999999", "after"),
        ("cursor=0", "cursor"),
        ("cursor=1&wait=1", "cursor"),
        ("limit=0", "limit"),
        ("before=1", "before"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(
    client: FlaskClient, query: str, member: str
) -> None:
    answer = client.get(f"{INBOXES}/{made(client)['id']}/calls?{query}")
    assert (answer.status_code, answer.get_json()["member"]) == (400, member)


def test_the_inboxes_of_others_are_not_found(
    client: FlaskClient, other_client: FlaskClient, connection: psycopg.Connection
) -> None:
    inbox = made(other_client)
    receive(connection, inbox)
    path = f"{INBOXES}/{inbox['id']}"

    assert client.get(INBOXES).get_json() == []
    for answer in (
        client.get(path),
        client.put(path, json={}),
        client.delete(path),
        client.get(f"{path}/calls"),
        client.get(f"{path}/calls?wait=1"),
        client.get(f"{path}/calls/1"),
        client.get(f"{INBOXES}/{uuid4()}/calls"),
    ):
        assert answer.status_code == 404
    assert other_client.get(f"{path}/calls/1").status_code == 200


def test_urls_begin_with_the_public_url_and_the_prefix(make_app: MakeApp, key: str) -> None:
    app = make_app(WAKECALL_PUBLIC_URL="https://wake.example", WAKECALL_PATH_PREFIX="/w")
    assert made(client_of(app, key))["url"].startswith("https://wake.example/w/in/")


def test_a_job_may_call_an_inbox_where_no_private_address_is_allowed(
    make_app: MakeApp, key: str
) -> None:
    app = make_app(WAKECALL_PUBLIC_URL="http://127.0.0.1:8000", WAKECALL_ALLOW_TARGETS="")
    client = client_of(app, key)
    when = "2099-01-01T00:00:00Z"

    booked = client.post("/1/jobs", json={"url": made(client)["url"], "when": when})
    refused = client.post("/1/jobs", json={"url": "http://127.0.0.1:8000/1/jobs", "when": when})

    assert booked.status_code == 201
    assert (refused.status_code, refused.get_json()["member"]) == (400, "url")
