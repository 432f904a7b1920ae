"""Jobs over gRPC: what is booked is read back field by field, over either protocol."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Value

from app.protos.dapr_common_pb2 import (
    JobFailurePolicy,
    JobFailurePolicyConstant,
    JobFailurePolicyDrop,
)
from app.protos.dapr_runtime_pb2 import Job
from tests.api.dapr.calls import schedule
from tests.api.dapr.rpc.client import Client

DEFAULT = JobFailurePolicy(
    constant=JobFailurePolicyConstant(interval=Duration(seconds=1), max_retries=3)
)
DUE = "2100-01-01T00:00:00.000Z"
VALUE = "type.googleapis.com/google.protobuf.Value"


def constant(**members: object) -> JobFailurePolicy:
    return JobFailurePolicy(constant=JobFailurePolicyConstant(**members))  # type: ignore[arg-type] # any of them


@pytest.mark.parametrize("alpha", ["", "Alpha1"])
@pytest.mark.parametrize(
    "job",
    [
        Job(due_time=DUE),
        Job(due_time="2100-01-01T00:00:00.0000000+01:00"),
        Job(schedule="@every 1h"),
        Job(schedule="@every 1h", due_time="5m", ttl="10h", repeats=3),
        Job(due_time=DUE, data=AnyMessage()),
        Job(due_time=DUE, data=AnyMessage(value=b'{ "a": 1 }')),
        Job(due_time=DUE, data=AnyMessage(value=b"Oil Change")),
        Job(due_time=DUE, data=AnyMessage(value=b"\xff\x00\n ")),
        Job(due_time=DUE, data=AnyMessage(type_url="dapr.io/schedule/jobpayload", value=b"{}")),
        Job(due_time=DUE, data=AnyMessage(type_url="u" * 1024)),
        Job(due_time=DUE, failure_policy=JobFailurePolicy(drop=JobFailurePolicyDrop())),
        Job(due_time=DUE, failure_policy=constant()),
        Job(due_time=DUE, failure_policy=constant(interval=Duration(seconds=30))),
        Job(due_time=DUE, failure_policy=constant(interval=Duration(nanos=1), max_retries=0)),
        Job(due_time=DUE, failure_policy=constant(interval=Duration(seconds=-3, nanos=-5))),
        Job(due_time=DUE, failure_policy=constant(max_retries=2**32 - 1)),
    ],
)
def test_a_job_is_read_as_it_was_booked(client: Client, job: Job, alpha: str) -> None:
    client.alpha = alpha
    job = Job(name="a", **{each.name: value for each, value in job.ListFields()})
    client.schedule(job)

    if not job.HasField("failure_policy"):
        job.failure_policy.CopyFrom(DEFAULT)
    assert client.get("a") == job
    assert client.list() == [job]


def test_a_policy_without_a_kind_is_the_default(client: Client) -> None:
    client.schedule(Job(name="a", due_time=DUE, failure_policy=JobFailurePolicy()))

    assert client.get("a").failure_policy == DEFAULT


@pytest.mark.parametrize("name", ["  ", " sp ", "a||b", "Grüße 日本", "a%2Fb", "x" * 512])
def test_names_are_taken_as_they_are(client: Client, dapr: FlaskClient, name: str) -> None:
    client.schedule(Job(name=name, due_time=DUE))

    assert client.get(name).name == name
    assert [each.name for each in client.list()] == [name]
    client.delete(name)
    assert client.list() == []
    client.delete(name)


def test_data_of_almost_4_mib_comes_back(client: Client) -> None:
    job = Job(name="a", due_time=DUE, data=AnyMessage(value=b"\xfe" * (4 * 1024 * 1024 - 1024)))
    client.schedule(job)

    found = client.get("a")
    assert found.data == job.data
    assert client.list() == [found]


def test_lists_are_in_byte_order_and_deletions_by_prefix_leave_the_others(client: Client) -> None:
    for name in ("b", "a", "B", "é", "ab", "a_", "a%"):
        client.schedule(Job(name=name, due_time=DUE))
    assert [each.name for each in client.list()] == ["B", "a", "a%", "a_", "ab", "b", "é"]

    client.delete_by_prefix("a_")
    assert [each.name for each in client.list()] == ["B", "a", "a%", "ab", "b", "é"]
    client.delete_by_prefix("nothing")
    client.delete_by_prefix("a")
    assert [each.name for each in client.list()] == ["B", "b", "é"]
    client.delete_by_prefix(None)
    assert client.list() == []
    client.schedule(Job(name="c", due_time=DUE))
    client.alpha = "Alpha1"
    client.delete_by_prefix("")
    assert client.list() == []


@pytest.mark.parametrize(
    "data",
    [
        None,
        True,
        1,
        -2.5,
        "text",
        [],
        {},
        {"a": 1},
        [1, "b", None, {"c": [False]}],
        {"é": "x" * 200},
    ],
)
def test_json_booked_over_http_is_a_value(client: Client, dapr: FlaskClient, data: object) -> None:
    assert schedule(dapr, "a", {"dueTime": DUE, "data": data}).status_code == 204

    found = client.get("a").data

    assert found.type_url == VALUE
    expected = Value()
    json_format.Parse(json.dumps(data), expected)
    assert Value.FromString(found.value) == expected


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (AnyMessage(), "{}"),
        (AnyMessage(value=b'{"a": 1}'), '{"value":{"a": 1}}'),
        (AnyMessage(value=b'"aGk="'), '{"value":"aGk="}'),
        (AnyMessage(value=b"Oil Change"), '{"base64":"T2lsIENoYW5nZQ=="}'),
        (AnyMessage(type_url='u"', value=b"\xff"), '{"@type":"u\\"", "base64":"/w=="}'),
        (AnyMessage(type_url="u", value=b"[1]"), '{"@type":"u", "value":[1]}'),
        (
            AnyMessage(type_url=VALUE, value=Value(string_value="é").SerializeToString()),
            f'{{"@type":"{VALUE}", "value":"é"}}',
        ),
        (
            AnyMessage(type_url=VALUE, value=Value(number_value=1).SerializeToString()),
            f'{{"@type":"{VALUE}", "value":1}}',
        ),
        (
            AnyMessage(type_url=VALUE, value=Value(number_value=float("inf")).SerializeToString()),
            f'{{"@type":"{VALUE}", "base64":"EQAAAAAAAPB/"}}',
        ),
        (AnyMessage(type_url=VALUE), f'{{"@type":"{VALUE}", "value":null}}'),
        (AnyMessage(type_url=VALUE, value=b"\xff"), f'{{"@type":"{VALUE}", "base64":"/w=="}}'),
    ],
)
def test_data_booked_over_grpc_is_readable_over_http(
    client: Client, dapr: FlaskClient, data: AnyMessage, shown: str
) -> None:
    client.schedule(Job(name="a", due_time=DUE, data=data))

    answer = dapr.get("/v1.0/jobs/a")

    assert answer.status_code == 200
    assert f'"data":{shown}, ' in answer.text
    json.loads(answer.data)


def test_a_job_without_data_booked_over_http_has_none(client: Client, dapr: FlaskClient) -> None:
    schedule(dapr, "a", {"schedule": "@every 1h"})

    assert client.get("a") == Job(name="a", schedule="@every 1h", failure_policy=DEFAULT)


@pytest.mark.parametrize("accepted", ["application/json", "application/xml"])
def test_the_native_api_shows_a_job_with_any_bytes(
    client: Client, app: Flask, key: str, accepted: str
) -> None:
    client.schedule(
        Job(name=" sp ", due_time=DUE, data=AnyMessage(type_url="u", value=b"\xff\x00"))
    )
    native = app.test_client()
    native.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    (found,) = native.get("/1/jobs", headers={"Accept": "application/json"}).get_json()

    answer = native.get(f"/1/jobs/{found}", headers={"Accept": accepted})

    assert answer.status_code == 200
    assert accepted != "application/json" or answer.get_json()["data"] == "/wA="
