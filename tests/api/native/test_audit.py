"""The audit log: every change is recorded with who made it, in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs import generic_codec
from app.api.native.documents import audit as audit_document
from app.domain.audit import Action, Actor, Entry
from app.store import audit as store
from tests.api.conftest import client_of
from tests.api.golden import golden
from tests.api.native.test_run_routes import add_runs
from tests.factories import connect, one

AUDIT = "/1/audit"
JSON = {"Accept": "application/json"}
MADE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SHOWN = (
    Entry(
        id=3,
        at=MADE,
        actor=Actor(user="ada@example.com", address="198.51.100.8"),
        action=Action.CHANGE_ROLE,
        object="grace@example.com",
        detail="member to owner",
    ),
    Entry(
        id=2,
        at=MADE,
        actor=Actor(key_id="0aQ8xTz31k", address="198.51.100.7"),
        action=Action.CREATE_KEY,
        object="4Ck0bGZy7T",
        detail="scope read, expires 2031-01-01T00:00:00Z",
    ),
    Entry(id=1, at=MADE, actor=Actor(), action=Action.SUSPEND_ACCOUNT, object="demo", detail=None),
)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def log(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{AUDIT}{query}")
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.get_json()
    return entries


def command(app: Flask, *arguments: str) -> str:
    done = app.test_cli_runner().invoke(args=arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_the_log_is_written_as_in_the_golden_files() -> None:
    shown = [audit_document.render(each) for each in SHOWN]
    assert generic_codec.to_json("audit", shown) == golden("audit.response.json")
    assert generic_codec.to_xml("audit", shown) == golden("audit.response.xml")


def test_changes_by_requests_are_recorded_with_their_key_and_address(
    client: FlaskClient, key: str, connection: psycopg.Connection
) -> None:
    made = client.post("/1/keys", json={"scope": "read"}, headers=JSON).get_json()["id"]
    for _ in range(2):
        assert client.delete(f"/1/keys/{made}").status_code == 204
    client.post("/1/secrets/rotate", json={"overlap": 60})
    client.put("/1/dapr-apps/shop", json={"url": "http://127.0.0.1:6200"})
    client.put("/1/fusion-runners/spark", json={"url": "http://127.0.0.1:6200"})
    client.delete("/1/fusion-runners/spark")
    client.delete("/1/dapr-apps/shop")
    add_runs(connection, 3)
    client.post("/1/runs/redeliver", json={"state": "failed"})
    client.post("/1/runs/redeliver", json={"dryRun": True})

    *entries, first = log(client)
    assert [(each["action"], each["object"], each.get("detail")) for each in entries[::-1]] == [
        ("key.create", made, "scope read"),
        ("key.revoke", made, None),
        ("secret.rotate", "account-1", "overlap 60 s"),
        ("endpoint.put", "shop", "Dapr app"),
        ("endpoint.put", "spark", "Fusion runner"),
        ("endpoint.delete", "spark", "Fusion runner"),
        ("endpoint.delete", "shop", "Dapr app"),
        ("runs.redeliver", "3 runs", None),
    ]
    assert {(each["by"], each["key"], each["address"]) for each in entries} == {
        ("key", key[3:13], "127.0.0.1")
    }
    assert (first["action"], first["by"]) == ("account.create", "operator")


def test_commands_are_recorded_as_the_operator_s(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    assert client.get("/1/jobs").status_code == 200
    made = command(app, "key", "create", "account-1", "--scope", "book")[3:13]
    command(app, "key", "revoke", made)
    command(app, "account", "limit", "account-1", "--jobs", "7", "--followers", "off")
    command(app, "secret", "rotate", "account-1")
    command(
        app, "dapr-app", "add", "account-1", "--app-id", "shop", "--url", "http://127.0.0.1:6200"
    )
    command(app, "account", "suspend", "account-1")
    command(app, "account", "resume", "account-1")

    entries = log(client)
    assert [(each["action"], each["object"]) for each in entries[::-1]][1:] == [
        ("key.create", made),
        ("key.revoke", made),
        ("account.limit", "account-1"),
        ("secret.rotate", "account-1"),
        ("endpoint.put", "shop"),
        ("account.suspend", "account-1"),
        ("account.resume", "account-1"),
    ]
    assert entries[4]["detail"] == "jobs=7, followers=off"
    assert all(each["by"] == "operator" and "key" not in each for each in entries)

    command(app, "account", "delete", "account-1", "--yes")
    left = connection.execute("SELECT account_id, action, object FROM audit").fetchall()
    assert left == [(None, "account.delete", "account-1")]


def test_what_failed_is_not_recorded(client: FlaskClient, key: str) -> None:
    before = log(client)
    assert client.delete(f"/1/keys/{key[3:13]}").status_code == 409
    assert client.post("/1/keys", json={"scope": "read", "daprApp": "x"}).status_code == 404
    assert client.delete("/1/dapr-apps/x").status_code == 404
    assert log(client) == before


def test_a_request_whose_key_is_not_known_does_not_act_for_the_one_before(app: Flask) -> None:
    """The threads of a web process serve one request after another."""
    first = command(app, "account", "create", "demo")
    client = client_of(app, first)
    client.post("/1/keys", json={"scope": "read"})
    assert client.get("/1/jobs", headers={"X-API-Key": "x"}).status_code == 401
    command(app, "key", "create", "demo")
    assert [each["by"] for each in log(client)] == ["operator", "key", "operator"]


def test_the_log_is_read_by_filters_and_in_pages(client: FlaskClient, key: str) -> None:
    for number in range(5):
        client.put(f"/1/dapr-apps/a{number}", json={"url": "http://127.0.0.1:6200"})
    everything = log(client)
    assert log(client, "?action=endpoint.put") == everything[:5]
    assert log(client, f"?key={key[3:13]}") == everything[:5]
    assert log(client, "?key=0000000000") == []
    middle = everything[2]["at"]
    assert log(client, f"?after={middle}") == everything[:3]
    assert log(client, f"?before={middle}") == everything[3:]

    found, path = [], f"{AUDIT}?limit=2&action=endpoint.put"
    while path:
        page = client.get(path)
        found += page.get_json()
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == everything[:5]

    in_xml = etree.fromstring(client.get(AUDIT, headers={"Accept": "text/xml"}).data)
    assert [each.findtext("object") for each in in_xml.iterchildren("entry")] == [
        each["object"] for each in everything
    ]


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("action=job.create", "action"),
        ("key=x", "key"),
        ("key=a%00b", "key"),
        ("after=yesterday", "after"),
        ("cursor=0", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=9999999999999999999", "cursor"),
        ("limit=1001", "limit"),
        ("actor=x", "actor"),
    ],
)
def test_a_query_that_selects_nothing_sensible_is_refused(
    client: FlaskClient, query: str, member: str
) -> None:
    refused = client.get(f"{AUDIT}?{query}")
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)


def test_an_account_s_log_is_its_own(client: FlaskClient, other_client: FlaskClient) -> None:
    client.put("/1/dapr-apps/mine", json={"url": "http://127.0.0.1:6200"})
    assert [each["object"] for each in log(other_client)] == ["account-2"]
    reading = client.post("/1/keys", json={"scope": "book"}, headers=JSON).get_json()["value"]
    client.environ_base["HTTP_X_API_KEY"] = reading
    assert client.get(AUDIT).status_code == 403


def test_an_account_keeps_so_many_records_and_others_keep_theirs(
    client: FlaskClient,
    other_client: FlaskClient,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "KEPT", 10)
    monkeypatch.setattr(store, "randbelow", lambda _: 1)
    for number in range(20):
        client.put(f"/1/dapr-apps/a{number}", json={"url": "http://127.0.0.1:6200"})
    assert len(log(client)) == 21

    monkeypatch.setattr(store, "randbelow", lambda _: 0)
    for number in range(20, 25):
        client.put(f"/1/dapr-apps/a{number}", json={"url": "http://127.0.0.1:6200"})
        assert [each["object"] for each in log(client)] == [
            f"a{each}" for each in range(number, number - 10, -1)
        ]
    assert len(log(other_client)) == 1


def test_old_records_are_dropped(client: FlaskClient, connection: psycopg.Connection) -> None:
    for number in range(3):
        client.put(f"/1/dapr-apps/a{number}", json={"url": "http://127.0.0.1:6200"})
    connection.execute("UPDATE audit SET at = '2026-01-01' WHERE action <> 'endpoint.put'")
    connection.execute("UPDATE audit SET at = '2026-01-02' WHERE object IN ('a0', 'a1')")
    first_kept = datetime(2026, 1, 3, tzinfo=UTC)
    assert [store.purge(connection, first_kept, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [each["object"] for each in log(client)] == ["a2"]
    assert one(connection, "SELECT count(*) FROM audit") == 1
