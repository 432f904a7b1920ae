"""API keys over HTTP: shown once, listed, held to the rights of the key that made them, revoked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from app.api.context import current_context
from app.api.native.codecs import generic_codec
from app.api.native.documents import key as key_document
from app.domain.account import ApiKey
from app.domain.scope import Scope
from app.service import accounts
from tests.api.conftest import client_of
from tests.api.dapr.calls import APP, add_app
from tests.api.golden import golden
from tests.factories import connect, one

KEYS = "/1/keys"
JSON = {"Accept": "application/json"}
XML = {"Content-Type": "text/xml", "Accept": "text/xml"}
ONCE = {"url": "https://example.com/", "when": "2099-01-01T00:00:00Z"}
MADE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SHOWN = ApiKey(
    id="4Ck0bGZy7T",
    label="dashboard",
    created_at=MADE,
    revoked_at=None,
    scope=Scope.READ,
    expires_at=datetime(2031, 1, 1, tzinfo=UTC),
)
FURTHER = ApiKey(
    id="0aQ8xTz31k",
    label="",
    created_at=MADE - timedelta(days=7),
    revoked_at=MADE,
    app="shop",
    scope=Scope.BOOK,
    last_used_at=MADE.replace(minute=0),
    created_by="ada@example.com",
)
TEXT = "wk_4Ck0bGZy7TsJcZ0n6xPq1vRt9YbLw3Ud5KfHa8EmNgCoBi2Q"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def made(client: FlaskClient, **members: Any) -> dict[str, Any]:
    answer = client.post(KEYS, json={"scope": "read", **members}, headers=JSON)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.get_json()
    return shown


def works(app: Flask, text: str) -> bool:
    status = client_of(app, text).get("/1/jobs").status_code
    assert status in {200, 401}
    return status == 200


def soon(**after: float) -> str:
    return (datetime.now(UTC) + timedelta(**after)).isoformat()


# Documents.


def test_keys_are_written_as_in_the_golden_files() -> None:
    new = key_document.render(SHOWN, TEXT)
    assert generic_codec.to_json("key", new) == golden("key.response.json")
    assert generic_codec.to_xml("key", new) == golden("key.response.xml")
    listed = [key_document.render(each) for each in (FURTHER, SHOWN)]
    assert generic_codec.to_json("keys", listed) == golden("keys.response.json")
    assert generic_codec.to_xml("keys", listed) == golden("keys.response.xml")


def test_a_key_is_made_alike_in_every_format(app: Flask, client: FlaskClient) -> None:
    sent = {"data": golden("key.request.json"), "content_type": "application/json"}
    shown = client.post(KEYS, **sent, headers=JSON)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (201, "no-store")
    made = shown.get_json()
    assert shown.headers["Location"] == f"{KEYS}/{made['id']}"
    assert (made["label"], made["scope"], made["expires"]) == (
        "dashboard",
        "read",
        "2031-01-01T00:00:00Z",
    )

    in_xml = client.post(KEYS, data=golden("key.request.xml"), headers=XML)
    root = etree.fromstring(in_xml.data)
    assert [each.tag for each in root] == list(made)

    bare = client.post(KEYS, **sent)
    assert bare.content_type == "text/plain; charset=utf-8"
    texts = [made["value"], root.findtext("value") or "", bare.text]
    assert all(works(app, each) for each in texts)
    assert len({*texts}) == 3
    for each in texts:
        path = f"{KEYS}/{each[3:13]}"
        assert "value" not in client.get(path).get_json()
        assert each not in client.get(KEYS).text


@pytest.mark.parametrize(
    ("sent", "member"),
    [
        ({}, "scope"),
        ({"scope": "write"}, "scope"),
        ({"scope": None}, "scope"),
        ({"scope": "read", "label": "x" * 101}, "label"),
        ({"scope": "read", "label": "a\nb"}, "label"),
        ({"scope": "read", "label": 1}, "label"),
        ({"scope": "read", "expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"scope": "read", "expires": "tomorrow"}, "expires"),
        ({"scope": "read", "id": "0aQ8xTz31k"}, "id"),
        ({"scope": "admin", "daprApp": APP}, "scope"),
    ],
)
def test_what_is_wrong_with_a_key_is_named_and_none_is_made(
    app: Flask, client: FlaskClient, sent: dict[str, Any], member: str
) -> None:
    add_app(app)
    refused = client.post(KEYS, json=sent, headers=JSON)
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)
    assert refused.get_json()["remedy"]
    assert len(client.get(KEYS).get_json()) == 1


def test_a_key_is_bound_to_an_app_that_there_is(app: Flask, client: FlaskClient) -> None:
    for absent in (APP, "a\0b", "\N{PILE OF POO}"):
        refused = client.post(KEYS, json={"scope": "book", "daprApp": absent}, headers=JSON)
        assert (refused.status_code, refused.get_json()["member"]) == (404, "daprApp")
    add_app(app)
    bound = client_of(app, made(client, scope="book", daprApp=APP)["value"])
    assert bound.get("/v1.0/metadata").get_json()["id"] == APP
    assert bound.get("/1/jobs").status_code == 403


# Lists.


def test_the_list_has_every_key_oldest_first_in_pages(client: FlaskClient) -> None:
    ids = [made(client, label=f"{number}")["id"] for number in range(4)]
    everything = client.get(KEYS).get_json()
    assert [each["id"] for each in everything][1:] == ids
    assert everything[0]["label"] == "first"

    found, path = [], f"{KEYS}?limit=2"
    while path:
        page = client.get(path)
        found += page.get_json()
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == everything
    for wrong in ("0000000000", "a%00b", ""):
        refused = client.get(f"{KEYS}?cursor={wrong}")
        assert (refused.status_code, refused.get_json()["member"]) == (400, "cursor")


def test_an_account_s_keys_are_its_own(client: FlaskClient, other_client: FlaskClient) -> None:
    mine = made(client)["id"]
    theirs = [each["id"] for each in other_client.get(KEYS).get_json()]
    assert mine not in theirs
    for key_id in (mine, "0000000000", "a%00b", "x"):
        path = f"{KEYS}/{key_id}"
        for answer in (other_client.get(path), other_client.delete(path)):
            assert (answer.status_code, answer.get_json()["member"]) == (404, "id")
    assert other_client.get(f"{KEYS}?cursor={mine}").status_code == 400
    assert "revoked" not in client.get(f"{KEYS}/{mine}").get_json()


# Rights.


@pytest.mark.parametrize("scope", ["read", "book"])
def test_only_an_admin_key_has_anything_to_do_with_keys(
    app: Flask, client: FlaskClient, scope: str
) -> None:
    lesser = made(client, scope=scope)
    asking = client_of(app, lesser["value"])
    path = f"{KEYS}/{lesser['id']}"
    answers = [asking.get(KEYS), asking.get(path), asking.delete(path)]
    answers += [asking.post(KEYS, json={"scope": each}) for each in Scope]
    assert {answer.status_code for answer in answers} == {403}
    assert works(app, lesser["value"])


def test_a_key_that_expires_makes_none_that_lasts_longer(app: Flask, client: FlaskClient) -> None:
    until = soon(hours=2)
    asking = client_of(app, made(client, scope="admin", expires=until)["value"])
    for longer in ({}, {"expires": soon(hours=3)}):
        refused = asking.post(KEYS, json={"scope": "read", **longer}, headers=JSON)
        assert refused.status_code == 403
        assert (refused.get_json()["type"], refused.get_json()["member"]) == (
            "/problems/insufficient-scope",
            "expires",
        )
    assert made(asking, expires=until)["expires"]
    assert made(asking, expires=soon(hours=1), scope="admin")["expires"]


def test_a_key_that_was_revoked_in_between_makes_none(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the request had passed authentication when its key was revoked."""
    asking = client_of(app, made(client, scope="admin")["value"])
    reading = key_document.read

    def revoked_while_reading(body: Any) -> Any:
        monkeypatch.undo()
        for each in client.get(KEYS).get_json():
            if each["label"] == "":
                assert client.delete(f"{KEYS}/{each['id']}").status_code == 204
        return reading(body)

    monkeypatch.setattr(key_document, "read", revoked_while_reading)
    assert asking.post(KEYS, json={"scope": "admin"}).status_code == 401
    assert len(client.get(KEYS).get_json()) == 2


# The end of a key.


def test_a_revoked_key_is_refused_at_the_next_request_also_where_it_is_cached(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    key = made(client, scope="book")
    asking = client_of(app, key["value"])
    assert [asking.post("/1/jobs", json=ONCE).status_code for _ in range(2)] == [201, 201]

    path = f"{KEYS}/{key['id']}"
    assert client.delete(path).status_code == 204
    assert asking.post("/1/jobs", json=ONCE).status_code == 401
    assert asking.get("/1/jobs").status_code == 401
    assert one(connection, "SELECT count(*) FROM job") == 2

    shown = client.get(path).get_json()
    assert shown["revoked"]
    assert client.delete(path).status_code == 204
    assert client.get(path).get_json() == shown


def test_an_expired_key_is_refused_as_expired_also_from_the_cache(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    key = made(client, scope="book", expires=soon(hours=1))
    asking = client_of(app, key["value"])
    assert [asking.post("/1/jobs", json=ONCE).status_code for _ in range(2)] == [201, 201]

    connection.execute(
        "UPDATE api_key SET expires_at = '2026-01-01T00:00:00Z' WHERE id = %s", (key["id"],)
    )
    for answer in (asking.post("/1/jobs", json=ONCE), asking.get("/1/jobs", headers=JSON)):
        assert answer.status_code == 401
        assert answer.get_json()["detail"] == "The API key expired at 2026-01-01T00:00:00Z."
        assert "WWW-Authenticate" in answer.headers
    assert one(connection, "SELECT count(*) FROM job") == 2
    assert client.get(f"{KEYS}/{key['id']}").get_json()["expires"] == "2026-01-01T00:00:00Z"

    # Who does not have the key learns nothing of it.
    other = key["value"][:13] + made(client)["value"][13:]
    assert "expired" not in client_of(app, other).get("/1/jobs").text


def test_the_last_admin_key_is_not_revoked_through_itself(
    app: Flask, client: FlaskClient, key: str
) -> None:
    own = f"{KEYS}/{key[3:13]}"
    made(client, scope="book")
    refused = client.delete(own)
    assert (refused.status_code, refused.get_json()["member"]) == (409, "id")
    assert "POST /1/keys" in refused.get_json()["remedy"]

    # One that expires leaves the account without a key as well, a little later.
    passing = made(client, scope="admin", expires=soon(hours=1))
    assert client.delete(own).status_code == 409
    assert client_of(app, passing["value"]).delete(own).status_code == 409
    assert client.delete(f"{KEYS}/{passing['id']}").status_code == 204

    lasting = made(client, scope="admin")
    assert client.delete(own).status_code == 204
    alone = client_of(app, lasting["value"])
    assert alone.delete(f"{KEYS}/{lasting['id']}").status_code == 409
    assert works(app, lasting["value"])


def test_a_repeat_shows_the_key_again_which_is_encrypted_meanwhile(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    sent = {"json": {"scope": "read"}, "headers": {**JSON, "Idempotency-Key": "k"}}
    first, second = (client.post(KEYS, **sent) for _ in range(2))
    assert (first.status_code, second.data) == (201, first.data)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(client.get(KEYS).get_json()) == 2
    kept = bytes(one(connection, "SELECT body FROM kept_answer WHERE sealed"))
    assert b"wk_" not in kept


# Bounds.


def test_an_account_has_so_many_valid_keys_and_keeps_so_many_that_ended(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    with app.app_context():
        accounts.set_limits(current_context(), "account-1", {"keys": 3})
    ids = [made(client)["id"] for _ in range(2)]
    refused = client.post(KEYS, json={"scope": "read"}, headers=JSON)
    assert (refused.status_code, refused.get_json()["limit"]) == (403, "keys")
    assert client.get("/1/account").get_json()["limits"]["keys"] == {"limit": 3, "used": 3}

    assert client.delete(f"{KEYS}/{ids[0]}").status_code == 204
    for _ in range(2):
        made_id = made(client)["id"]
        assert client.delete(f"{KEYS}/{made_id}").status_code == 204
    assert client.get(f"{KEYS}/{ids[0]}").status_code == 200

    connection.execute(
        "INSERT INTO api_key (id, account_id, digest, revoked_at, created_at)"
        " SELECT lpad(number::text, 10, '0'), account_id, digest,"
        "        now() - number * interval '1 min', now() - interval '1 day'"
        " FROM api_key, generate_series(1, 200) AS number WHERE label = 'first'"
    )
    made(client)
    assert one(connection, "SELECT count(*) FROM api_key WHERE revoked_at IS NOT NULL") == 100
    assert client.get(f"{KEYS}/{ids[0]}").status_code == 200
    assert client.get(f"{KEYS}/0000000200").status_code == 404


def test_a_suspended_account_lists_its_keys_and_makes_none(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    connection.execute("UPDATE account SET suspended_at = now()")
    assert client.get(KEYS).status_code == 200
    refused = client.post(KEYS, json={"scope": "read"}, headers=JSON)
    assert refused.get_json()["type"] == "/problems/account-suspended"
