import json
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from tests.api.native.booked import ABSENT, JSON, OFTEN, ONCE, OPTIONS, booked, ids, xml_of


def test_creating_answers_201_with_the_location_of_the_job(client: FlaskClient) -> None:
    answer = client.post("/1/jobs", json=ONCE)
    assert answer.status_code == 201
    assert answer.content_type == "text/plain; charset=utf-8"
    assert str(UUID(answer.text)) == answer.text
    assert answer.headers["Location"] == f"/1/jobs/{answer.text}"
    assert client.get(answer.headers["Location"]).get_json() == {
        "id": answer.text,
        "account": "account-1",
        **ONCE,
    }


FORMATS = ("application/json", "text/xml", "application/xml")


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("accept", FORMATS)
def test_a_job_is_created_and_replaced_in_every_format(
    client: FlaskClient, media_type: str, accept: str | None
) -> None:
    def body(members: dict[str, str]) -> str | bytes:
        return json.dumps(members) if media_type == "application/json" else xml_of(members)

    headers = {"Content-Type": f"{media_type}; charset=UTF-8", "Accept": accept}
    created = client.post("/1/jobs", data=body(ONCE), headers=headers)
    assert created.status_code == 201
    replaced = client.put(created.headers["Location"], data=body(OFTEN), headers=headers)
    assert replaced.status_code == 200
    for answer in (created, replaced):
        assert answer.content_type.partition(";")[0] == accept
        assert "Accept" in answer.vary
    stored = client.get(created.headers["Location"]).get_json()
    assert stored.pop("next").endswith("T10:15:00Z")
    assert stored == {"id": created.headers["Location"][8:], "account": "account-1", **OFTEN}


def test_put_answers_the_id_as_text_and_takes_a_job_from_when_to_cron_and_back(
    client: FlaskClient,
) -> None:
    job_id = booked(client)["id"]
    for document, shown in ((OFTEN, {"cron", "next"}), (ONCE, {"when"}), (OFTEN, {"cron", "next"})):
        answer = client.put(f"/1/jobs/{job_id}", json=document)
        assert (answer.status_code, answer.text) == (200, job_id)
        assert client.get(f"/1/jobs/{job_id}").get_json().keys() == {"id", "account", "url", *shown}


@pytest.mark.parametrize("accept", ["application/json", "text/xml"])
@pytest.mark.parametrize(
    "document", [ONCE, OFTEN, {**OFTEN, "data": "\0", "enabled": False}, OPTIONS]
)
def test_a_document_as_get_returned_it_can_be_put(
    client: FlaskClient, accept: str | None, document: dict[str, Any]
) -> None:
    path = f"/1/jobs/{booked(client, document)['id']}"
    got = client.get(path, headers={"Accept": accept})
    headers = {"Content-Type": got.content_type, "Accept": accept}
    put = client.put(path, data=got.data, headers=headers)
    assert put.status_code == 200
    assert put.data == got.data


def test_optional_members_read_back_as_they_were_given_and_end_with_their_version(
    client: FlaskClient,
) -> None:
    # Flask's own client would put the names in order.
    made = client.post(
        "/1/jobs", data=json.dumps(OPTIONS), content_type="application/json", headers=JSON
    ).get_json()
    assert {name: made[name] for name in OPTIONS} == OPTIONS
    assert list(made["headers"]) == ["X-B", "X-A"]
    path = f"/1/jobs/{made['id']}"
    assert client.get(path).get_json() == made
    assert client.put(path, json=OFTEN).status_code == 200
    assert client.get(path).get_json().keys() == {"id", "account", "url", "cron", "next"}


def test_a_name_is_one_jobs_of_an_account(client: FlaskClient, other_client: FlaskClient) -> None:
    mine = booked(client, {**ONCE, "name": "mine"})
    other = booked(client, {**ONCE, "name": "other"})
    booked(other_client, {**ONCE, "name": "mine"})
    wanted = {**OFTEN, "name": "mine"}
    for answer in (
        client.post("/1/jobs", json=wanted),
        client.put(f"/1/jobs/{other['id']}", json=wanted),
    ):
        assert answer.status_code == 409
        problem = answer.get_json()
        assert (problem["type"], problem["member"]) == ("/problems/conflict", "name")
        assert mine["id"] in problem["detail"]
    assert len(ids(client)) == 2
    assert client.get(f"/1/jobs/{other['id']}").get_json() == other
    assert client.put(f"/1/jobs/{mine['id']}", json=wanted).status_code == 200
    client.delete(f"/1/jobs/{mine['id']}")
    assert client.post("/1/jobs", json=wanted).status_code == 201


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", ABSENT),
        ("account", "account-2"),
        ("next", "2030-01-01T00:00Z"),
        ("id", 5),
        ("id", {"a": [1]}),
        ("account", False),
        ("next", 1893456000),
        ("next", []),
    ],
)
def test_read_only_members_are_ignored_on_create_and_must_be_right_on_update(
    client: FlaskClient, member: str, value: Any
) -> None:
    job_id = booked(client, {**OFTEN, member: value})["id"]
    assert job_id != ABSENT
    answer = client.put(f"/1/jobs/{job_id}", json={**OFTEN, member: value})
    assert answer.status_code == 400
    assert answer.get_json()["member"] == member


@pytest.mark.parametrize("member", ["id", "account", "next"])
def test_read_only_elements_are_ignored_on_create_and_must_be_right_on_update(
    client: FlaskClient, member: str
) -> None:
    job_id = booked(client)["id"]
    url, cron = OFTEN["url"], OFTEN["cron"]
    document = f"<job><{member}><a>1</a></{member}><url>{url}</url><cron>{cron}</cron></job>"
    sent = {"data": document, "content_type": "text/xml"}
    assert client.post("/1/jobs", **sent).status_code == 201
    answer = client.put(f"/1/jobs/{job_id}", headers={"Accept": "application/json"}, **sent)
    assert (answer.status_code, answer.get_json()["member"]) == (400, member)


def test_a_deleted_job_is_gone(client: FlaskClient) -> None:
    path = f"/1/jobs/{booked(client)['id']}"
    deleted = client.delete(path, headers={"Accept": "image/png"})
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert "Content-Type" not in deleted.headers
    for answer in (client.get(path), client.delete(path), client.put(path, json=ONCE)):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "suffix", "document"),
    [("GET", "", None), ("PUT", "", ONCE), ("DELETE", "", None), ("GET", "/runs", None)],
)
def test_a_foreign_and_an_unknown_job_are_answered_alike(
    client: FlaskClient,
    other_client: FlaskClient,
    method: str,
    suffix: str,
    document: dict[str, str] | None,
) -> None:
    foreign = booked(other_client)["id"]
    for accept in ("application/json", "text/xml", "application/xml"):
        answers = [
            client.open(
                f"/1/jobs/{job_id}{suffix}",
                method=method,
                json=document,
                headers={"Accept": accept},
            )
            for job_id in (foreign, ABSENT)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].data.replace(foreign.encode(), ABSENT.encode()) == answers[1].data
        responses = [
            {name: value for name, value in answer.headers if name != "X-Request-Id"}
            for answer in answers
        ]
        assert responses[0] == responses[1]
    assert other_client.get(f"/1/jobs/{foreign}").status_code == 200


def test_an_id_is_the_same_in_either_case(client: FlaskClient) -> None:
    job_id = booked(client)["id"]
    assert client.get(f"/1/jobs/{job_id.upper()}").get_json()["id"] == job_id
    assert client.put(f"/1/jobs/{job_id}", json={**ONCE, "id": job_id.upper()}).status_code == 200


def test_an_update_that_asks_to_be_a_dry_run_changes_nothing(client: FlaskClient) -> None:
    job = booked(client)
    changed = {**ONCE, "url": "https://example.com/other"}
    refused = client.put(f"/1/jobs/{job['id']}?dryRun=true", json=changed)
    assert (refused.status_code, "dryRun" in refused.text) == (400, True)
    assert client.get(f"/1/jobs/{job['id']}").get_json() == job
