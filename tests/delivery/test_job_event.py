"""Job events: what an app gets over one protocol of what was booked over another."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest
from google.protobuf.struct_pb2 import Value
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.job_event import UnsendablePayload, convert, message
from app.protos import json_values
from app.protos.dapr_app_pb2 import JobEventRequest
from app.protos.dapr_common_pb2 import HTTPExtension

VALUE = json_values.TYPE_URL
JSON = {"a": [1, 2.5, None, True, "\xe9"], "b": {}}


def sent(data: bytes | None, type_url: str | None, path: str = "/job/R2-D2") -> JobEventRequest:
    """The message as an app that speaks gRPC reads it."""
    body = message(path, convert(data, type_url, "grpc"), type_url)
    assert JobEventRequest.FromString(body).SerializeToString() == body
    return JobEventRequest.FromString(body)


@given(st.one_of(st.none(), st.binary()), st.text(max_size=20))
def test_an_any_is_sent_to_a_grpc_app_as_it_was_booked(data: bytes | None, type_url: str) -> None:
    event = sent(data, type_url if data is not None else None)
    assert event.HasField("data") is (data is not None)
    if data is not None:
        assert (event.data.value, event.data.type_url) == (data, type_url)
        assert event.content_type == type_url
    assert (event.name, event.method) == ("R2-D2", "job/R2-D2")
    assert event.http_extension.verb == HTTPExtension.POST


def test_json_is_sent_to_a_grpc_app_as_a_value() -> None:
    event = sent(orjson.dumps(JSON), None)
    assert event.data.type_url == event.content_type == VALUE
    assert orjson.loads(json_values.decode(event.data.value)) == JSON
    assert Value.FromString(sent(b'{"a":1}', None).data.value).struct_value["a"] == 1.0
    assert sent(b"null", None).data.value == b"\x08\x00"


@pytest.mark.parametrize("name", ["a||b", " sp ", "\u65e5\u672c", "100%", "a+b&c=d"])
def test_the_name_of_the_job_is_read_from_its_path(name: str) -> None:
    event = sent(None, None, "/job/" + quote(name, safe="!$&'()*+,;=:@"))
    assert (event.name, event.method) == (name, f"job/{name}")


def test_data_booked_over_grpc_is_sent_to_an_http_app_as_it_is_but_for_values() -> None:
    assert convert(None, None, "http") is None
    assert convert(b"", "", "http") == b""
    assert convert(b"Oil Change \n", "", "http") == b"Oil Change \n"
    assert convert(b"\n\x05hello", "type.googleapis.com/google.protobuf.StringValue", "http") == (
        b"\n\x05hello"
    )
    assert convert(b"{}", None, "http") == b"{}"
    whole = json_values.encode(orjson.dumps(JSON), most=1000)
    assert orjson.loads(convert(whole, VALUE, "http") or b"") == JSON
    assert convert(b"\x08\x00", VALUE, "http") == b"null"
    assert convert(b"", VALUE, "http") == b""


@pytest.mark.parametrize("value", [b"\xff", b"\x0a", b"\x11\0\0\0\0\0\0\xf0\x7f"])
def test_a_value_that_is_none_is_not_sent_to_an_http_app(value: bytes) -> None:
    with pytest.raises(UnsendablePayload, match=r"not a google\.protobuf\.Value"):
        convert(value, VALUE, "http")


def test_json_that_is_nested_too_deeply_is_not_sent_to_a_grpc_app() -> None:
    with pytest.raises(UnsendablePayload, match="or is nested too deeply"):
        convert(b"[" * 5000 + b"]" * 5000, None, "grpc")
