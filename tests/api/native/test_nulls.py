"""A member that is null counts as absent, in every JSON document of the native API.

Serializers of Java, .NET and Go write every member of an object, null where it has no value.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api.native.codecs import json_codec
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import Object
from app.api.native.documents import completion as completion_document
from app.api.native.documents import endpoint as endpoint_document
from app.api.native.documents import redelivery
from app.api.native.documents.job import JOB
from app.domain.completion import Completion, Result
from app.errors import InvalidMember
from tests.api.native.booked import JSON, OFTEN, OPTIONS, booked
from tests.api.native.job_documents import read_json

ABSENT_JOB = dict.fromkeys(JOB.members)
PREVIEW = ("when", "timezone", "onGap", "onOverlap", "dialect", "after", "count")


def test_a_job_with_null_for_all_it_does_not_set_is_booked_like_one_without(
    client: FlaskClient,
) -> None:
    plain = booked(client, OFTEN)

    assert booked(client, {**ABSENT_JOB, **OFTEN}).keys() == plain.keys()
    assert client.put(f"/1/jobs/{plain['id']}", json={**ABSENT_JOB, **plain}).status_code == 200
    several = client.post("/1/jobs/bulk", json=[{**ABSENT_JOB, **OFTEN}], headers=JSON)
    assert several.get_json()[0].keys() == plain.keys()


def test_null_on_an_update_takes_a_member_away(client: FlaskClient) -> None:
    job = booked(client, OPTIONS)
    cleared = {**job, "tags": None, "retry": None, "onFailure": None, "headers": None}

    updated = client.put(f"/1/jobs/{job['id']}", json=cleared, headers=JSON).get_json()

    assert updated.keys() == job.keys() - {"tags", "retry", "onFailure", "headers"}


def test_null_within_a_member_counts_as_absent_too() -> None:
    retry = JOB.members["retry"]
    assert isinstance(retry, Object)
    backoff = {"initial": 5, "factor": None, "max": None}

    read = json_codec.read_value(
        {
            **OFTEN,
            "headers": {"X-A": None, "X-B": "b"},
            "retry": {**dict.fromkeys(retry.members), "maxAge": None},
        },
        JOB,
    )
    waits = read_json(json.dumps({"retry": {"backoff": backoff}}).encode())

    assert (read["headers"], read["retry"]) == ({"X-B": "b"}, {})
    assert waits.retry == {"backoff": {"initial": 5}}


@pytest.mark.parametrize("name", ["callback", "Url", "dryrun"])
def test_an_unknown_member_is_refused_although_it_is_null(client: FlaskClient, name: str) -> None:
    for path, known in (
        ("/1/jobs", OFTEN),
        ("/1/preview", {"cron": OFTEN["cron"]}),
        ("/1/secrets/rotate", {}),
        ("/1/keys", {"scope": "read"}),
        ("/1/runs/redeliver", {"dryRun": True}),
    ):
        refused = client.post(path, json={**known, name: None})

        assert (refused.status_code, refused.get_json()["member"]) == (400, name)


@pytest.mark.parametrize("member", ["url", "when"])
def test_a_member_that_must_be_there_is_missing_where_it_is_null(
    client: FlaskClient, member: str
) -> None:
    once = {"url": "https://example.com/", "when": "2099-01-01T00:00:00Z", member: None}
    refused = client.post("/1/jobs", json=once)

    assert (refused.status_code, refused.get_json()["member"]) == (400, member)


def test_previews_rotations_and_redeliveries_take_null(client: FlaskClient) -> None:
    preview = client.post("/1/preview", json={"cron": OFTEN["cron"], **dict.fromkeys(PREVIEW)})
    assert len(preview.get_json()["next"]) == 5
    assert client.post("/1/secrets/rotate", json={"overlap": None}).status_code == 201
    everything: dict[str, Any] = dict.fromkeys(redelivery.REDELIVERY.members)
    counted = client.post("/1/runs/redeliver", json={**everything, "dryRun": True})
    assert (counted.status_code, counted.get_json()["count"]) == (200, 0)
    assert not redelivery.read(Body(b'{"dryRun": null}', "application/json")).is_dry_run


def test_a_completion_takes_null() -> None:
    done = Completion(result=Result.SUCCEEDED, message=None)

    assert (
        completion_document.read(
            Body(b'{"status": "succeeded", "message": null}', "application/json")
        )
        == done
    )
    with pytest.raises(InvalidMember, match="missing"):
        completion_document.read(Body(b'{"status": null}', "application/json"))


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/1/dapr-apps/a", endpoint_document.APP),
        ("/1/fusion-runners/spark", endpoint_document.RUNNER),
    ],
)
def test_an_endpoint_takes_null(client: FlaskClient, path: str, shape: Object) -> None:
    members = {**dict.fromkeys(shape.members), "url": "http://127.0.0.1:6200/"}

    assert client.put(path, json=members).status_code == 201
