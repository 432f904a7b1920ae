"""Task documents: the call of a rest-call, and what a response repeats."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.fusion import json_reader, task_document
from app.api.fusion.task_document import render
from app.domain.fusion import task
from app.domain.fusion.resource import Kind, Resource
from app.domain.fusion.task import Call, Task
from app.errors import InvalidMember, TooLarge


def of(*, task_id: str | None = None, **members: Any) -> Task:
    given = {"id": "clean-up", "type": "rest-call", **members}
    body = json.dumps({name: value for name, value in given.items() if value is not None})
    return task_document.parse(json_reader.parse(body.encode()), allow=(), task_id=task_id)


def call(uri: str = "https://example.com/a", method: str = "get", **params: Any) -> Call:
    return of(callParams={"uri": uri, "method": method, **params}).call


FULL = {
    "id": "delete-old-system-logs",
    "type": "rest-call",
    "callParams": {
        "uri": "https://example.com/logs?keep=7",
        "method": "POST",
        "queryParams": {"older than": "30 days", "a&b": "c/d"},
        "headers": {"Content-Type": "application/json", "X-Reason": "old"},
        "entity": '{"wait": "ja, ü"}',
    },
    "hidden": False,
}


def test_a_whole_task_is_a_call_and_is_returned_as_sent() -> None:
    found = task_document.parse(
        json_reader.parse(json.dumps(FULL).encode()), allow=(), task_id=None
    )
    assert found.call == Call(
        url="https://example.com/logs?keep=7&older%20than=30%20days&a%26b=c%2Fd",
        method="POST",
        headers=(("X-Reason", "old"),),
        data='{"wait": "ja, ü"}'.encode(),
        content_type="application/json",
    )
    assert json.dumps(render(found.source_document)) == json.dumps(FULL)
    assert task_document.parse(render(found.source_document), allow=(), task_id=found.id) == found
    assert task.resource_of(found) == Resource(kind=Kind.TASK, id="delete-old-system-logs")


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://example.com", "https://example.com?q=1"),
        ("https://example.com/a", "https://example.com/a?q=1"),
        ("https://example.com/a?", "https://example.com/a?q=1"),
        ("https://example.com/a?b=%20c", "https://example.com/a?b=%20c&q=1"),
        ("https://example.com/a?b&", "https://example.com/a?b&q=1"),
        ("https://example.com/a?b#part?", "https://example.com/a?b&q=1"),
        ("https://example.com/a#part", "https://example.com/a?q=1"),
    ],
)
def test_the_query_is_added_to_the_one_there_is(uri: str, url: str) -> None:
    assert call(uri, queryParams={"q": "1"}).url == url


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4))
def test_any_query_arrives_as_it_was_given(query: dict[str, str]) -> None:
    params = {"uri": "https://example.com/a?first=1", "method": "get", "queryParams": query}
    members = {"id": "a", "type": "rest-call", "callParams": params}
    url = task_document.parse(members, allow=(), task_id=None).call.url
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    assert pairs == [("first", "1"), *query.items()]


@pytest.mark.parametrize("method", ["get", "put", "post", "delete", "GET", "Post"])
def test_a_method_may_be_in_any_case(method: str) -> None:
    assert call(method=method).method == method.upper()


def test_content_goes_with_put_and_post_alone() -> None:
    assert call(method="put", entity="x").data == b"x"
    assert call(method="post", entity="").data is None
    assert call(method="get", entity="x").data is None
    assert call(method="delete", entity="x").data is None


def test_the_id_may_be_left_to_the_path() -> None:
    params = {"uri": "https://example.com", "method": "get"}
    found = of(id=None, callParams=params, task_id="clean-up")
    assert render(found.source_document) == {
        "id": "clean-up",
        "type": "rest-call",
        "callParams": params,
    }
    assert found == of(callParams=params, task_id="clean-up")


def test_what_is_null_is_not_given() -> None:
    params = {"uri": "https://example.com", "method": "get"}
    found = of(callParams={**params, "headers": None, "entity": None})
    assert found.call == Call(url="https://example.com", method="GET")
    assert render(found.source_document)["callParams"] == params


def refused(**members: Any) -> InvalidMember:
    usual = {"callParams": {"uri": "https://example.com", "method": "get"}}
    with pytest.raises(InvalidMember) as refusal:
        of(**{**usual, **members})
    assert refusal.value.remedy
    assert len(refusal.value.message) < 300
    return refusal.value


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"id": "a.b"}, "id"),
        ({"id": "a\n"}, "id"),
        ({"id": 7}, "id"),
        ({"id": "a" * 129}, "id"),
        ({"task_id": "other"}, "id"),
        ({"type": None}, "type"),
        ({"type": "log-cleanup"}, "type"),
        ({"callParams": None}, "callParams"),
        ({"callParams": []}, "callParams"),
        ({"hidden": "perhaps"}, "hidden"),
        ({"enabled": True}, "enabled"),
        ({"callparams": {}}, "callparams"),
    ],
)
def test_what_is_wrong_with_a_task_is_named(members: dict[str, Any], member: str) -> None:
    assert refused(**members).member == member


@pytest.mark.parametrize(
    ("params", "member"),
    [
        ({"uri": None}, "uri"),
        ({"url": "https://example.com"}, "url"),
        ({"uri": "solr://logs/update"}, "uri"),
        ({"uri": "service://api/x"}, "uri"),
        ({"uri": "file:///etc/passwd"}, "uri"),
        ({"uri": "/relative"}, "uri"),
        ({"uri": "http://127.0.0.1/"}, "uri"),
        ({"uri": "http://localhost/"}, "uri"),
        ({"uri": "https://example.com/a b"}, "uri"),
        ({"uri": "https://u:p@example.com/"}, "uri"),
        ({"queryParams": {"a": "b" * 2100}}, "uri"),
        ({"method": None}, "method"),
        ({"method": "patch"}, "method"),
        ({"method": 1}, "method"),
        ({"queryParams": ["a"]}, "queryParams"),
        ({"queryParams": {"a": 1}}, "queryParams.a"),
        ({"headers": {"A": True}}, "headers.A"),
        ({"headers": {"Host": "example.org"}}, "headers.Host"),
        ({"headers": {"Connection": "close"}}, "headers.Connection"),
        ({"headers": {"webhook-id": "1"}}, "headers.webhook-id"),
        ({"headers": {"A B": "1"}}, "headers.A B"),
        ({"headers": {"A": "1\r\nB: 2"}}, "headers.A"),
        ({"headers": {"a": "1", "A": "2"}}, "headers.A"),
        ({"headers": {"Content-Type": "a\n"}}, "headers.Content-Type"),
        ({"headers": {"Content-Type": "a", "content-type": "a"}}, "headers.content-type"),
        ({"headers": {f"A{number}": "1" for number in range(21)}}, "headers"),
        ({"entity": {"a": 1}}, "entity"),
        ({"body": "x"}, "body"),
    ],
)
def test_what_is_wrong_with_a_call_is_named(params: dict[str, Any], member: str) -> None:
    usual = {"uri": "https://example.com", "method": "get"}
    assert refused(callParams={**usual, **params}).member == f"callParams.{member}"


def test_a_refusal_says_why_and_what_would_be_right() -> None:
    inside = refused(callParams={"uri": "solr://logs", "method": "get"})
    assert '"solr://logs" has the scheme "solr": only http and https' in inside.message
    near = refused(callParams={"url": "https://example.com", "method": "get"})
    assert near.remedy.startswith("Did you mean uri?")
    ours = refused(
        callParams={"uri": "https://example.com", "method": "get", "headers": {"Host": "a"}}
    )
    assert ours.remedy == "Leave it out."


def test_an_entity_has_its_bounds() -> None:
    call(method="put", entity="é" * 32_768)
    with pytest.raises(TooLarge) as refusal:
        call(method="put", entity="é" * 32_768 + "a")
    assert refusal.value.member == "callParams.entity"
    assert refusal.value.remedy


@pytest.mark.parametrize("more", [{}, {"numDaysToKeep": 3}, {"id": "not an id"}])
def test_a_task_of_another_type_is_refused_for_that_first(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidMember) as refused:
        of(**{"type": "log-cleanup", "callParams": {"uri": "https://example.com/"}, **more})
    assert refused.value.member == "type"
    assert '"log-cleanup"' in refused.value.message
    with pytest.raises(InvalidMember) as refused:
        of(type=None, numDaysToKeep=3)
    assert refused.value.member == "numDaysToKeep"
