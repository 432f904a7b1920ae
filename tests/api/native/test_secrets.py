"""Signing secrets over HTTP: shown with their ends, replaced with an overlap, sealed in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree
from standardwebhooks import Webhook

from app.api.native.codecs import generic_codec
from app.api.native.documents import rotation as rotation_document
from app.delivery.signing import sign
from app.domain.secret import SigningSecret
from tests.api.golden import golden
from tests.factories import connect, one

MADE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SHOWN = (
    SigningSecret(value="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", created_at=MADE, expires_at=None),
    SigningSecret(
        value="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        created_at=MADE - timedelta(days=7),
        expires_at=MADE + timedelta(hours=24),
    ),
)
ROTATE = "/1/secrets/rotate"
XML = {"Content-Type": "text/xml"}


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def span(answer: list[dict[str, str]]) -> timedelta:
    """From the making of the newest secret to the end of the one before."""
    newest, older = answer
    return datetime.fromisoformat(older["expires"]) - datetime.fromisoformat(newest["created"])


def test_secrets_are_written_as_in_the_golden_files() -> None:
    shown = rotation_document.render_secrets(SHOWN)
    assert generic_codec.to_json("secrets", shown) == golden("secrets.response.json")
    assert generic_codec.to_xml("secrets", shown) == golden("secrets.response.xml")


def test_the_list_has_every_signing_secret_and_is_not_cached(
    client: FlaskClient,
) -> None:
    answer = client.get("/1/secrets")
    assert answer.headers["Cache-Control"] == "no-store"
    (secret,) = answer.get_json()
    assert secret["value"].startswith("whsec_")
    assert set(secret) == {"value", "created"}
    root = etree.fromstring(client.get("/1/secrets", headers={"Accept": "text/xml"}).data)
    assert [each.findtext("value") for each in root.iterchildren("secret")] == [secret["value"]]


def test_a_rotation_answers_with_the_new_secret_first_and_the_old_one_s_end(
    client: FlaskClient,
) -> None:
    (old,) = client.get("/1/secrets").get_json()
    answer = client.post(ROTATE, json={"overlap": 3600})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    new, retired = answer.get_json()
    assert retired == {**old, "expires": retired["expires"]}
    assert timedelta(minutes=59) < span([new, retired]) <= timedelta(hours=1)
    assert client.get("/1/secrets").get_json() == [new, retired]

    signature = sign([new["value"], retired["value"]], message_id="m", timestamp=now(), body=b"{}")
    headers = {"webhook-id": "m", "webhook-timestamp": f"{now()}", "webhook-signature": signature}
    for secret in (new, old):
        assert Webhook(secret["value"]).verify(b"{}", headers) == {}


def now() -> int:
    return int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize(
    ("sent", "overlap"),
    [
        ({}, timedelta(days=1)),
        ({"json": {}}, timedelta(days=1)),
        ({"data": golden("rotation.request.json"), "content_type": "application/json"}, None),
        ({"data": golden("rotation.request.xml"), "headers": XML}, None),
        ({"data": "<rotation> <!-- usual --> </rotation>", "headers": XML}, timedelta(days=1)),
        ({"json": {"overlap": 31536000}}, timedelta(days=365)),
    ],
)
def test_the_overlap_is_what_was_asked_for(
    client: FlaskClient, sent: dict[str, Any], overlap: timedelta | None
) -> None:
    answer = client.post(ROTATE, **sent)
    assert answer.status_code == 201, answer.text
    overlap = overlap or timedelta(hours=2)
    assert overlap - timedelta(minutes=1) < span(answer.get_json()) <= overlap


def test_without_an_overlap_the_new_secret_is_alone_at_once(client: FlaskClient) -> None:
    (old,) = client.get("/1/secrets").get_json()
    (new,) = client.post(ROTATE, json={"overlap": 0}).get_json()
    assert new["value"] != old["value"]
    assert client.get("/1/secrets").get_json() == [new]


@pytest.mark.parametrize(
    ("sent", "status", "member"),
    [
        ({"json": {"overlap": "60"}}, 400, "overlap"),
        ({"json": {"overlap": -1}}, 400, "overlap"),
        ({"json": {"overlap": 1.5}}, 400, "overlap"),
        ({"json": {"overlap": 31536001}}, 400, "overlap"),
        ({"json": {"overlap": True}}, 400, "overlap"),
        ({"data": '{"overlap": 1' + "0" * 5000 + "}", "content_type": "application/json"}, 400, 0),
        ({"json": {"seconds": 1}}, 400, "seconds"),
        ({"json": [1]}, 400, None),
        ({"data": "{", "content_type": "application/json"}, 400, None),
        ({"data": "<rotation><overlap/></rotation>", "headers": XML}, 400, "overlap"),
        ({"data": "<rotation><a>1</a></rotation>", "headers": XML}, 400, "a"),
        ({"data": "<rotation>1</rotation>", "headers": XML}, 400, None),
        ({"data": "<job/>", "headers": XML}, 400, None),
        ({"data": "<rotation><overlap><a/></overlap></rotation>", "headers": XML}, 400, "overlap"),
        (
            {
                "data": "<rotation><overlap>1</overlap><overlap>1</overlap></rotation>",
                "headers": XML,
            },
            400,
            "overlap",
        ),
        ({"data": "60", "content_type": "text/plain"}, 415, "Content-Type"),
        ({"data": " " * 70_000, "content_type": "application/json"}, 413, None),
        ({"headers": {"Accept": "text/plain"}}, 406, "Accept"),
    ],
)
def test_an_invalid_rotation_is_refused_and_changes_nothing(
    client: FlaskClient, sent: dict[str, Any], status: int, member: str | int | None
) -> None:
    before = client.get("/1/secrets").get_json()
    answer = client.post(ROTATE, **{"headers": {"Accept": "application/json"}, **sent})
    assert answer.status_code == status, answer.text
    if member and answer.is_json:
        assert answer.get_json()["member"] == member
    assert client.get("/1/secrets").get_json() == before


def test_one_rotation_too_many_is_a_conflict(client: FlaskClient) -> None:
    statuses = [client.post(ROTATE).status_code for _ in range(5)]
    assert statuses == [201, 201, 201, 201, 409]
    assert client.post(ROTATE, headers={"Accept": "text/xml"}).content_type.startswith(
        "application/problem+xml"
    )


def test_a_repeated_rotation_shows_the_same_secret_which_is_sealed_meanwhile(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    first, second = (
        client.post(ROTATE, json={"overlap": 60}, headers={"Idempotency-Key": "r"})
        for _ in range(2)
    )
    assert (first.status_code, second.status_code, second.data) == (201, 201, first.data)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Cache-Control"] == "no-store"
    body = bytes(one(connection, "SELECT body FROM kept_answer WHERE sealed"))
    assert b"whsec_" not in body
    assert b"[" not in body
