import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.api.golden import golden
from tests.api.native.booked import JSON, OFTEN, ONCE, OPTIONS, booked, ids, xml_of

PATH = "/1/jobs/by-name/invoices"
FORMATS = ("application/json", "text/xml", "application/xml")
NAMES = (
    "invoices",
    "a/b",
    "/",
    "a//b/",
    "100%",
    "%41",
    "what?",
    "a#b",
    "a+b c",
    "über 😀",
    "..",
    ".",
    "runs",
    "by-name/x",
    "https://example.com/x",
    "01a2027f-84a8-7c3e-aef9-24372cb91472/runs",
    "x" * 128,
)


def at(name: str) -> str:
    return f"/1/jobs/by-name/{quote(name, safe='')}"


def test_a_name_is_put_got_and_deleted(client: FlaskClient) -> None:
    created = client.put(PATH, json=OFTEN)
    assert (created.status_code, created.content_type) == (201, "text/plain; charset=utf-8")
    assert created.headers["Location"] == f"/1/jobs/{created.text}"
    got = client.get(PATH)
    assert got.data == client.get(created.headers["Location"]).data
    assert got.get_json()["name"] == "invoices"

    replaced = client.put(PATH, json=ONCE, headers=JSON)
    assert (replaced.status_code, "Location" in replaced.headers) == (200, False)
    assert replaced.headers["Wakecall-Outcome"] == "replaced"
    assert replaced.get_json() == {
        "id": created.text,
        "account": "account-1",
        **ONCE,
        "name": "invoices",
    }
    head = client.head(PATH)
    assert head.headers["Content-Length"] == str(len(client.get(PATH).data))

    deleted = client.delete(PATH)
    assert (deleted.status_code, deleted.data) == (204, b"")
    for answer in (client.get(PATH), client.delete(PATH)):
        assert answer.status_code == 404
        assert answer.get_json()["member"] == "name"
    assert client.put(PATH, json=OFTEN).status_code == 201


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("accept", FORMATS)
def test_every_format_goes_in_and_comes_out(
    client: FlaskClient, media_type: str, accept: str
) -> None:
    headers = {"Content-Type": media_type, "Accept": accept}
    for document, status in ((OFTEN, 201), (ONCE, 200)):
        body = json.dumps(document) if media_type == "application/json" else xml_of(document)
        answer = client.put(PATH, data=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.content_type.partition(";")[0] == accept
        assert answer.data == client.get(PATH, headers={"Accept": accept}).data


@pytest.mark.parametrize("suffix", ["json", "xml"])
def test_the_same_put_again_changes_nothing(client: FlaskClient, suffix: str) -> None:
    media_type = "application/json" if suffix == "json" else "text/xml"
    body = golden(f"options.request.{suffix}")
    name = json.loads(golden("options.request.json"))["name"]
    headers = {"Content-Type": media_type, "Accept": "application/json"}
    first = client.put(at(name), data=body, headers=headers)
    again = client.put(at(name), data=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    outcomes = [each.headers["Wakecall-Outcome"] for each in (first, again)]
    assert outcomes == ["created", "unchanged"]
    assert again.data == first.data
    # The document as GET shows it is the same once more.
    got = client.get(at(name), headers={"Accept": media_type})
    put = client.put(at(name), data=got.data, headers=headers)
    assert (put.status_code, put.data) == (200, first.data)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_in_an_address(client: FlaskClient, name: str) -> None:
    job = booked(client, {**ONCE, "name": name})
    other = booked(client, {**ONCE, "name": "another"})
    path = at(name)
    assert client.get(path).get_json() == job
    assert client.put(path, json=OFTEN, headers=JSON).get_json()["id"] == job["id"]
    # What a proxy has decoded comes to the same, as far as an address can hold it at all.
    if not set(name) & set("%?#"):
        assert client.get(f"/1/jobs/by-name/{name}").get_json()["name"] == name
    assert client.delete(path).status_code == 204
    assert client.put(path, json=ONCE).status_code == 201
    assert ids(client)[0] == other["id"]


def test_a_name_in_the_document_is_that_of_the_address(client: FlaskClient) -> None:
    assert client.put(PATH, json={**ONCE, "name": "invoices"}).status_code == 201
    before = client.get(PATH).data
    refused = client.put(PATH, json={**ONCE, "name": "other"})
    assert (refused.status_code, refused.get_json()["member"]) == (400, "name")
    assert client.get(PATH).data == before
    assert len(ids(client)) == 1


def test_a_name_is_its_accounts(client: FlaskClient, other_client: FlaskClient) -> None:
    client.put(PATH, json=ONCE)
    absent = client.get(at("nobodys"))
    for method in ("GET", "DELETE"):
        answer = other_client.open(PATH, method=method)
        assert answer.status_code == 404
        assert answer.data.replace(b"invoices", b"nobodys") == absent.data
    assert other_client.put(PATH, json=OFTEN).status_code == 201
    assert client.get(PATH).get_json()["when"] == ONCE["when"]


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("", "name"),
        ("%20a", "name"),
        ("%00", "name"),
        ("a%0Ab", "name"),
        ("x" * 129, "name"),
        ("%ff", "path"),
        ("100%", "path"),
        ("a%zz", "path"),
        ("what?now", "now"),
        ("invoices?dryrun=true", "dryrun"),
    ],
)
def test_what_can_be_no_name_is_refused_by_every_method(
    client: FlaskClient, path: str, member: str
) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = client.open(
            f"/1/jobs/by-name/{path}", method=method, json=ONCE if method == "PUT" else None
        )
        assert answer.status_code == 400, (method, answer.text)
        if method != "HEAD":
            assert answer.get_json()["member"] == member
            assert answer.get_json()["remedy"]
    assert ids(client) == []


WRONG: tuple[tuple[dict[str, Any], int], ...] = (
    ({}, 400),
    ({**ONCE, "when": "2011-05-11T15:30:00Z"}, 400),
    ({**ONCE, "url": "ftp://example.com/"}, 400),
    ({**ONCE, "unknown": "x"}, 400),
    ({**OFTEN, "cron": "0 0/5 * * * ?"}, 400),
    ({**ONCE, "data": "x" * 2049}, 413),
)


def test_what_is_wrong_is_refused_alike_whether_the_job_is_there_or_not(
    client: FlaskClient,
) -> None:
    client.put(PATH, json=OFTEN)
    before = client.get(PATH).data
    for document, status in WRONG:
        responses = [client.put(path, json=document) for path in (PATH, at("other"))]
        assert [each.status_code for each in responses] == [status, status]
        assert responses[0].data == responses[1].data
    assert client.put(PATH, data="x", content_type="text/plain").status_code == 415
    assert client.put(PATH, json=ONCE, headers={"Accept": "image/png"}).status_code == 406
    assert client.get(PATH, headers={"Accept": "text/plain"}).status_code == 406
    assert client.get(PATH).data == before
    assert len(ids(client)) == 1


def test_refusals_come_in_the_format_asked_for(client: FlaskClient) -> None:
    answer = client.get(PATH, headers={"Accept": "text/xml"})
    assert (answer.status_code, answer.content_type) == (
        404,
        "application/problem+xml; charset=utf-8",
    )
    namespaces = {"p": "urn:ietf:rfc:7807"}
    root = etree.fromstring(answer.data)
    assert root.findtext("p:member", namespaces=namespaces) == "name"
    assert client.get(PATH, headers={"Accept": "text/plain"}).status_code == 406


def test_no_key_no_name(client: FlaskClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = client.open(
            PATH, method=method, json=ONCE, environ_overrides={"HTTP_X_API_KEY": "wk_no"}
        )
        assert answer.status_code == 401
    assert ids(client) == []


def test_a_job_that_was_named_otherwise_is_found_by_its_new_name(client: FlaskClient) -> None:
    made = booked(client, OPTIONS)
    assert client.put(f"/1/jobs/{made['id']}", json={**ONCE, "name": "new"}).status_code == 200
    assert client.get(at(OPTIONS["name"])).status_code == 404
    assert client.get(at("new")).get_json()["id"] == made["id"]


def test_next_is_ignored_where_a_name_is_booked_and_must_be_right_after_that(
    client: FlaskClient,
) -> None:
    document = {**OFTEN, "next": "never"}
    assert client.put("/1/jobs/by-name/new", json=document).status_code == 201
    for changed in ({}, {"data": "other"}):
        answer = client.put("/1/jobs/by-name/new", json={**document, **changed})
        assert (answer.status_code, answer.get_json()["member"]) == (400, "next")
        later = {**OFTEN, **changed, "next": "2099-01-01T00:00:00Z"}
        answer = client.put("/1/jobs/by-name/new", json=later)
        assert (answer.status_code, answer.get_json()["member"]) == (400, "next")


def test_a_job_is_put_back_across_one_of_its_firings(client: FlaskClient) -> None:
    job = booked(client, {**OFTEN, "name": "back"})
    read = {**job, "next": "2026-01-01T00:00:00Z", "data": "changed"}
    for path in (f"/1/jobs/{job['id']}", "/1/jobs/by-name/back"):
        answer = client.put(path, json=read, headers=JSON)
        assert answer.status_code == 200
        assert answer.get_json() == {**job, "data": "changed"}
