import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.api.native.booked import OFTEN, ONCE, booked, ids

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "url"),
    ({"when": ONCE["when"]}, "url"),
    ({"url": ONCE["url"]}, "when"),
    ({**ONCE, "cron": OFTEN["cron"]}, "cron"),
    ({**ONCE, "when": "tomorrow"}, "when"),
    ({**ONCE, "when": "2011-05-11T15:30:00Z"}, "when"),
    ({**ONCE, "when": ""}, "when"),
    ({**OFTEN, "cron": "0 0/5 * * * ?"}, "cron"),
    ({**OFTEN, "cron": "* * * * *"}, "cron"),
    ({**OFTEN, "cron": ""}, "cron"),
    ({**ONCE, "url": "ftp://example.com/"}, "url"),
    ({**ONCE, "url": "https://user:pw@example.com/"}, "url"),
    ({**ONCE, "url": "http://10.0.0.1/"}, "url"),
    ({**ONCE, "url": "http://2130706433/"}, "url"),
    ({**ONCE, "url": "http://169.254.169.254/"}, "url"),
    ({**ONCE, "url": "https://example.com/" + "x" * 2048}, "url"),
    ({**ONCE, "url": "https://example.com/\n"}, "url"),
    ({**ONCE, "signature": "a\r\nX: y"}, "signature"),
    ({**ONCE, "signature": "x" * 1025}, "signature"),
    ({**ONCE, "contentType": "text/plain\0"}, "contentType"),
    ({**ONCE, "contentType": "é"}, "contentType"),
    ({**ONCE, "dataEncoding": "base64"}, "dataEncoding"),
    ({**ONCE, "data": "x", "dataEncoding": "hex"}, "dataEncoding"),
    ({**ONCE, "data": "_-8=", "dataEncoding": "base64"}, "data"),
    ({**ONCE, "data": "YQ", "dataEncoding": "base64"}, "data"),
    ({**ONCE, "data": "é", "dataEncoding": "base64"}, "data"),
    ({**ONCE, "next": "x", "callback": "y"}, "callback"),
    ({**ONCE, "name": ""}, "name"),
    ({**ONCE, "name": "a\nb"}, "name"),
    ({**ONCE, "tags": ["a", "a"]}, "tags[1]"),
    ({**ONCE, "method": "TRACE"}, "method"),
    ({**ONCE, "headers": {"Host": "example.com"}}, "headers.Host"),
    ({**ONCE, "headers": {"X-A": "a\r\nX-B: b"}}, "headers.X-A"),
    ({**ONCE, "headers": {"X-A": "1", "x-a": "2"}}, "headers.x-a"),
    ({**ONCE, "timeout": 0.5}, "timeout"),
    ({**ONCE, "timeout": 60.5}, "timeout"),
    ({**ONCE, "retry": {"maxAttempts": 21}}, "retry.maxAttempts"),
    ({**ONCE, "retry": {"schedule": [5, 0]}}, "retry.schedule[1]"),
    ({**ONCE, "retry": {"schedule": [5], "backoff": {"initial": 5}}}, "retry.backoff"),
    ({**ONCE, "retry": {"backoff": {"factor": 2}}}, "retry.backoff.initial"),
    ({**ONCE, "retry": {"maxAge": 604_801}}, "retry.maxAge"),
    ({**OFTEN, "misfire": "none"}, "misfire"),
    ({**OFTEN, "misfireWindow": 0}, "misfireWindow"),
    ({**ONCE, "onSuccess": "ftp://example.com/"}, "onSuccess"),
    ({**ONCE, "onFailure": "http://10.0.0.1/"}, "onFailure"),
    ({**OFTEN, "timezone": "Berlin"}, "timezone"),
    ({**OFTEN, "timezone": "../../etc/passwd"}, "timezone"),
    ({**OFTEN, "timezone": "europe/berlin"}, "timezone"),
    ({**OFTEN, "timezone": ""}, "timezone"),
    ({**OFTEN, "timezone": "x" * 60_000}, "timezone"),
    ({**OFTEN, "onGap": "next"}, "onGap"),
    ({**OFTEN, "onOverlap": "both"}, "onOverlap"),
    ({**OFTEN, "timezone": "Europe/Berlin", "onGap": "Next"}, "onGap"),
    ({**OFTEN, "timezone": "Europe/Berlin", "onOverlap": ""}, "onOverlap"),
    ({**OFTEN, "timezone": "Europe/Berlin", "cron": "0 5/10 * * * ?", "onGap": "next"}, "cron"),
    ({**OFTEN, "timezone": "America/New_York", "cron": "0 30 2 ? 3 1#2"}, "cron"),
    ({**ONCE, "timezone": "Europe/Berlin"}, "timezone"),
    ({**ONCE, "when": "2099-05-11T15:30:00", "onGap": "next"}, "onGap"),
    (
        {
            **ONCE,
            "when": "2099-05-11T15:30:00",
            "timezone": "Europe/Berlin",
            "onOverlap": "both",
        },
        "onOverlap",
    ),
    ({**ONCE, "when": "2027-03-28T02:30:00", "timezone": "Europe/Berlin"}, "when"),
    ({**ONCE, "when": "9999-12-31T23:59:59", "timezone": "America/New_York"}, "when"),
    ({**ONCE, "when": "0001-01-01T00:00:00", "timezone": "Asia/Tokyo"}, "when"),
)


def test_what_is_wrong_is_named(client: FlaskClient) -> None:
    url = f"/1/jobs/{booked(client)['id']}"
    for document, member in WRONG:
        for method, path in (("POST", "/1/jobs"), ("PUT", url)):
            answer = client.open(path, method=method, json=document)
            assert answer.status_code == 400, (document, answer.text)
            assert answer.get_json()["member"] == member, document
            assert answer.get_json()["remedy"]
        answer = client.post("/1/jobs", json=document, headers={"Accept": "text/xml"})
        assert answer.content_type == "application/problem+xml; charset=utf-8"
        namespaces = {"p": "urn:ietf:rfc:7807"}
        assert etree.fromstring(answer.data).findtext("p:member", namespaces=namespaces) == member
    assert len(ids(client)) == 1


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_data_is_limited_in_bytes(client: FlaskClient, character: str) -> None:
    size = len(character.encode())
    full = character * (2048 // size) + "x" * (2048 % size)
    assert booked(client, {**ONCE, "data": full})["data"] == full
    answer = client.post("/1/jobs", json={**ONCE, "data": full + "x"})
    assert answer.status_code == 413
    assert answer.get_json()["member"] == "data"


def test_a_document_is_limited_to_64_kib(client: FlaskClient) -> None:
    full = json.dumps(ONCE).ljust(64 * 1024)
    headers = {"Content-Type": "application/json"}
    assert client.post("/1/jobs", data=full, headers=headers).status_code == 201
    answer = client.post("/1/jobs", data=full + " ", headers=headers)
    assert answer.status_code == 413
    assert answer.get_json()["type"] == "/problems/too-large"


def test_a_body_without_a_length_is_counted_all_the_same(client: FlaskClient) -> None:
    class Endless:
        def read(self, size: int = -1) -> bytes:
            assert size != -1
            return b"x" * size

    for path, limit in (
        ("/1/jobs", 64 * 1024),
        ("/1/jobs/2030-01-01T00%3A00Z/http%3A%2F%2F127.0.0.1", 2048),
    ):
        answer = client.post(
            path,
            headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
            environ_overrides={"wsgi.input": Endless(), "wsgi.input_terminated": True},
        )
        assert answer.status_code == 413
        assert str(limit) in answer.get_json()["detail"]


def test_an_address_that_no_call_needs_is_refused(client: FlaskClient) -> None:
    answer = client.get("/1/jobs?" + "x" * 20_000)
    assert answer.status_code == 414
    assert answer.get_json()["type"] == "/problems/address-too-long"
