from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.dapr import documents
from app.api.dapr.documents import DEFAULT_POLICY, JobDocument, Policy
from app.errors import MalformedDocument


def test_every_member_is_read_in_both_spellings() -> None:
    camel = {
        "schedule": "@every 1m",
        "dueTime": "10s",
        "ttl": "1h",
        "repeats": 3,
        "overwrite": True,
        "data": {"b": 1, "a": 2},
        "failurePolicy": {"constant": {"interval": "3s", "maxRetries": 5}},
    }
    snake = {**camel, "due_time": camel["dueTime"], "failure_policy": camel["failurePolicy"]}
    snake["failure_policy"] = {"constant": {"interval": "3s", "max_retries": "5.0"}}
    del snake["dueTime"], snake["failurePolicy"]
    read = documents.read(json.dumps(camel).encode())

    assert read == JobDocument(
        schedule="@every 1m",
        due_time="10s",
        ttl="1h",
        repeats=3,
        overwrite=True,
        data=b'{"b": 1, "a": 2}',
        policy=Policy(interval="3s", max_retries=5),
    )
    assert documents.read(json.dumps(snake).encode()) == read


def test_nothing_and_null_leave_members_unset() -> None:
    unset = {"schedule": None, "repeats": None, "overwrite": None, "failurePolicy": None}
    assert documents.read(b"") == documents.read(b"{}") == JobDocument()
    assert documents.read(json.dumps(unset).encode()) == JobDocument()
    assert documents.read(b'{"data": null}') == JobDocument(data=b"null")
    assert documents.read(b'{"schedule": ""}') == JobDocument(schedule="")
    assert documents.read(b'{"job": null, "unknown": 1}') == JobDocument()


def test_a_job_that_stands_alone_is_unwrapped() -> None:
    lone = {"job": {"dueTime": "30s", "data": {"@type": "x", "value": "y"}}, "other": 1}
    assert documents.read(json.dumps(lone).encode()) == JobDocument(
        due_time="30s", data=b'{"@type": "x", "value": "y"}'
    )


@pytest.mark.parametrize(
    "beside",
    [{"schedule": "@daily"}, {"dueTime": "1s"}, {"due_time": None}, {"data": 1}, {"ttl": "1s"}],
)
def test_a_job_beside_other_members_is_passed_over(beside: dict[str, Any]) -> None:
    alone = documents.read(json.dumps(beside).encode())
    assert documents.read(json.dumps({"job": {"repeats": 7}, **beside}).encode()) == alone


@pytest.mark.parametrize("job", ["[]", '"x"', "1"])
def test_a_job_that_is_not_an_object_is_skipped(job: str) -> None:
    assert documents.read(f'{{"job":{job}}}'.encode()) == JobDocument()


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ({}, DEFAULT_POLICY),
        ({"drop": None}, DEFAULT_POLICY),
        ({"unknown": 1}, DEFAULT_POLICY),
        ({"drop": {}}, Policy(drop=True)),
        ({"constant": {}}, Policy()),
        ({"constant": {"interval": None, "maxRetries": None}}, Policy()),
        ({"constant": {"maxRetries": 0}}, Policy(max_retries=0)),
        ({"constant": {"interval": "1.50s"}}, Policy(interval="1.500s")),
        ({"constant": {"interval": "0.0000001s"}}, Policy(interval="0.000000100s")),
    ],
)
def test_failure_policies(written: Any, policy: Policy) -> None:
    assert documents.read(json.dumps({"failurePolicy": written}).encode()).policy == policy


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"schedule": 5}, "string field schedule: 5"),
        ({"dueTime": []}, "string field dueTime: []"),
        ({"due_time": {}}, "string field due_time: {}"),
        ({"ttl": True}, "string field ttl: true"),
        ({"ttl": "PT1H\0"}, "NUL"),
        ({"name": 5}, "string field name: 5"),
        ({"repeats": -1}, "uint32 field repeats: -1"),
        ({"overwrite": "true"}, 'bool field overwrite: "true"'),
        ({"failurePolicy": "drop"}, 'message field failurePolicy: "drop"'),
        ({"failurePolicy": {"drop": {}, "constant": {}}}, "not both"),
        ({"failurePolicy": {"drop": True}}, "message field failurePolicy.drop: true"),
        ({"failure_policy": {"constant": []}}, "message field failure_policy.constant: []"),
        ({"failurePolicy": {"constant": {"interval": "200ms"}}}, "in seconds|write seconds"),
        ({"failurePolicy": {"constant": {"interval": "2m"}}}, "in seconds|write seconds"),
        ({"failurePolicy": {"constant": {"interval": 2}}}, "failurePolicy.constant.interval"),
        ({"failurePolicy": {"constant": {"maxRetries": -1}}}, "constant.maxRetries: -1"),
        ({"failurePolicy": {"constant": {"maxRetries": 1, "max_retries": 1}}}, "duplicate field"),
        ({"failurePolicy": {}, "failure_policy": {}}, "duplicate field"),
        ({"job": {"schedule": 5}}, "string field job.schedule: 5"),
    ],
)
def test_what_is_of_another_type_is_refused_by_its_name(members: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedDocument, match=said.replace("[", r"\[").replace("{}", r"\{\}")):
        documents.read(json.dumps(members).encode())


def test_a_document_is_returned_as_sent_with_the_default_policy_added() -> None:
    read = documents.read(b'{"dueTime":"15s","data":{"Value":"R2-D2:Oil Change"}}')
    written = documents.write("R2-D2", documents.to_written(read), read.data)
    assert written == (
        b'{"name":"R2-D2", "dueTime":"15s", "data":{"@type":"type.googleapis.com/'
        b'google.protobuf.Value", "value":{"Value":"R2-D2:Oil Change"}}, '
        b'"failurePolicy":{"constant":{"interval":"1s", "maxRetries":3}}}'
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_data_is_written_byte_for_byte(value: Any, *, ascii_only: bool, indent: int | None) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    read = documents.read(f'{{"data": {data} }}'.encode())
    assert read.data == data.encode()
    written = documents.write("x", documents.to_written(read), read.data)
    assert json.loads(written)["data"]["value"] == json.loads(data)


@given(st.text().filter(lambda text: "\0" not in text))
def test_names_and_strings_are_written_as_json(text: str) -> None:
    read = documents.read(json.dumps({"schedule": text, "ttl": text}).encode())
    written = json.loads(documents.write(text, documents.to_written(read), None))
    assert (written["name"], written["schedule"], written["ttl"]) == (text, text, text)
