"""Dapr apps of an account over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api.pages import MAX_PAGE_BYTES
from tests.factories import connect, one

PATH = "/1/dapr-apps/job-service"
URL = "http://127.0.0.1:6200/base"
SHOWN = {"id": "job-service", "url": URL, "protocol": "http", "hasToken": False}
XML = {"Accept": "text/xml", "Content-Type": "text/xml"}


def test_an_app_is_put_shown_listed_and_removed(client: FlaskClient) -> None:
    assert client.get("/1/dapr-apps").get_json() == []
    made = client.put(PATH, json={"url": URL})
    assert (made.status_code, made.get_json()) == (201, SHOWN)
    assert made.headers["Location"] == PATH
    again = client.put(PATH, json={"id": "job-service", "url": "http://127.0.0.1:6300"})
    assert (again.status_code, again.get_json()["url"]) == (200, "http://127.0.0.1:6300")
    assert "Location" not in again.headers
    client.put("/1/dapr-apps/a", json={"url": URL})
    assert [each["id"] for each in client.get("/1/dapr-apps").get_json()] == ["a", "job-service"]
    assert client.delete(PATH).status_code == 204
    assert client.get(PATH).status_code == client.delete(PATH).status_code == 404


def test_the_same_in_xml(client: FlaskClient) -> None:
    body = f"<app><url>{URL}</url><token>s3cret</token></app>"
    made = client.put(PATH, data=body, headers=XML)
    assert made.status_code == 201, made.text
    members = {each.tag: each.text for each in etree.fromstring(made.data)}
    assert members == {"id": "job-service", "url": URL, "protocol": "http", "hasToken": "true"}
    listed = etree.fromstring(client.get("/1/dapr-apps", headers={"Accept": "text/xml"}).data)
    assert (listed.tag, [each.findtext("id") for each in listed]) == ("apps", ["job-service"])


def test_an_app_may_speak_grpc(client: FlaskClient) -> None:
    shown = {**SHOWN, "protocol": "grpc"}
    assert client.put(PATH, json={"url": URL, "protocol": "grpc"}).get_json() == shown
    assert client.get(PATH).get_json() == shown
    assert client.get("/1/dapr-apps").get_json() == [shown]
    assert client.put(PATH, json=shown).get_json() == shown
    body = f"<app><url>{URL}</url><protocol>grpc</protocol></app>"
    changed = client.put(PATH, data=body, headers=XML)
    assert etree.fromstring(changed.data).findtext("protocol") == "grpc"
    assert client.put(PATH, json={"url": URL}).get_json() == SHOWN


def test_a_token_is_sealed_and_never_shown(client: FlaskClient, database: str) -> None:
    answers = [client.put(PATH, json={"url": URL, "token": "s3cret"})]
    answers += [client.get(PATH), client.get("/1/dapr-apps")]
    for answer in answers:
        assert "s3cret" not in answer.text
        assert '"hasToken": true' in answer.text
    with connect(database) as connection:
        assert b"s3cret" not in one(connection, "SELECT sealed_token FROM endpoint")
    assert client.put(PATH, json={"url": URL}).get_json() == SHOWN


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_an_app_that_is_read_changed_and_put_back_keeps_its_token(
    client: FlaskClient, database: str, kind: str
) -> None:
    headers = {"Accept": f"application/{kind}", "Content-Type": f"application/{kind}"}
    client.put(PATH, json={"url": URL, "token": "s3cret"})
    with connect(database) as connection:
        sealed = one(connection, "SELECT sealed_token FROM endpoint")
    read = client.get(PATH, headers=headers).data

    put = client.put(PATH, data=read.replace(b"/base", b"/moved"), headers=headers)

    assert put.status_code == 200, put.text
    assert put.data == read.replace(b"/base", b"/moved")
    with connect(database) as connection:
        assert one(connection, "SELECT sealed_token FROM endpoint") == sealed


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:6201/base", "https://127.0.0.1:6200/base", "http://127.0.0.2:6200/"]
)
def test_a_token_does_not_follow_its_app_to_another_server(client: FlaskClient, url: str) -> None:
    client.put(PATH, json={"url": URL, "token": "s3cret"})

    refused = client.put(PATH, json={**SHOWN, "url": url, "hasToken": True})

    assert (refused.status_code, refused.get_json()["member"]) == (400, "token")
    assert client.get(PATH).get_json() == {**SHOWN, "hasToken": True}
    moved = client.put(PATH, json={"url": url, "token": "another", "hasToken": True})
    assert moved.get_json() == {**SHOWN, "url": url, "hasToken": True}


def test_an_app_that_had_no_token_is_put_back_as_it_was_read(client: FlaskClient) -> None:
    client.put(PATH, json={"url": URL})
    assert client.put(PATH, json=client.get(PATH).get_json()).get_json() == SHOWN


@pytest.mark.parametrize(
    ("path", "document", "member"),
    [
        (PATH, {}, "url"),
        (PATH, {"url": 5}, "url"),
        (PATH, {"url": "ftp://example.com"}, "url"),
        (PATH, {"url": "http://10.0.0.1"}, "url"),
        (PATH, {"url": "http://127.0.0.1/?a=b"}, "url"),
        (PATH, {"url": None}, "url"),
        (PATH, {"url": URL, "protocol": "grpcs"}, "protocol"),
        (PATH, {"url": URL, "token": 5}, "token"),
        (PATH, {"url": URL, "token": "a\nb"}, "token"),
        (PATH, {"url": URL, "hasToken": True}, "hasToken"),
        (PATH, {"url": URL, "hasToken": "true"}, "hasToken"),
        (PATH, {"url": URL, "hastoken": True}, "hastoken"),
        (PATH, {"url": URL, "id": "other"}, "id"),
        ("/1/dapr-apps/a%20b", {"url": URL}, "id"),
        ("/1/dapr-apps/-a", {"url": URL}, "id"),
        ("/1/dapr-apps/%C3%BC", {"url": URL}, "id"),
        (f"/1/dapr-apps/{'x' * 257}", {"url": URL}, "id"),
    ],
)
def test_what_cannot_be_an_app_is_refused(
    client: FlaskClient, path: str, document: dict[str, Any], member: str
) -> None:
    answer = client.put(path, json=document)
    problem = answer.get_json()
    assert (answer.status_code, problem["member"]) == (400, member)
    assert problem["remedy"]
    assert client.get("/1/dapr-apps").get_json() == []


def test_apps_are_their_account_s(client: FlaskClient, other_client: FlaskClient) -> None:
    client.put(PATH, json={"url": URL})
    assert other_client.get("/1/dapr-apps").get_json() == []
    assert other_client.get(PATH).status_code == other_client.delete(PATH).status_code == 404
    assert client.get(PATH).status_code == 200


def test_an_app_with_jobs_is_not_forgotten(client: FlaskClient) -> None:
    client.put(PATH, json={"url": URL})
    client.put("/1/dapr-apps/other", json={"url": URL})
    for name in ("a", "b"):
        headers = {"dapr-app-id": "job-service"}
        booked = client.post(f"/v1.0/jobs/{name}", json={"dueTime": "1h"}, headers=headers)
        assert booked.status_code == 204
    refused = client.delete(PATH)
    assert refused.status_code == 409
    assert "2 job(s)" in refused.get_json()["detail"]
    assert client.delete("/1/dapr-apps/other").status_code == 204
    for name in ("a", "b"):
        assert client.delete(f"/v1.0/jobs/{name}").status_code == 204
    assert client.delete(PATH).status_code == 204


def test_many_apps_are_listed_in_pages(client: FlaskClient, database: str) -> None:
    client.put("/1/dapr-apps/app-0001", json={"url": URL})
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO endpoint (account_id, dialect, name, url) SELECT account_id, dialect,"
            " 'app-' || lpad(n::text, 4, '0'), url || repeat('x', 2000) FROM endpoint,"
            " generate_series(2, 2500) AS n"
        )
    for query, most in (("", 1000), ("?limit=999", 999)):
        found, at = [], f"/1/dapr-apps{query}"
        while at:
            answer = client.get(at)
            assert len(answer.data) <= MAX_PAGE_BYTES
            found.append([each["id"] for each in answer.get_json()])
            at = answer.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
        assert [len(page) for page in found[:2]] == [most, most]
        assert [each for page in found for each in page] == [
            f"app-{number:04}" for number in range(1, 2501)
        ]
    for cursor in ("", "a/b", "a\0b", "é"):
        refused = client.get("/1/dapr-apps", query_string={"cursor": cursor})
        assert (refused.status_code, refused.get_json()["member"]) == (400, "cursor")
