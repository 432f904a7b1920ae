from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.dapr import protojson
from app.api.dapr.protojson import Written
from app.errors import MalformedDocument

FIELDS = {"dueTime": "due", "due_time": "due", "data": "data", "repeats": "repeats"}


def members(body: bytes) -> dict[str, str]:
    found = protojson.members(protojson.decode(body), FIELDS)
    return {field: value.text for field, value in found.items()}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{}", {}),
        (b" \t\r\n{ } \n", {}),
        (b'{"data":  {"b": 1,\n "a": [ ] } }', {"data": '{"b": 1,\n "a": [ ] }'}),
        (b'{"data":12345678901234567890123.50}', {"data": "12345678901234567890123.50"}),
        (b'{"data":' + b"9" * 5000 + b"}", {"data": "9" * 5000}),
        (b'{"data":1e400}', {"data": "1e400"}),
        (b'{"data":null}', {"data": "null"}),
        (b'{"due\\u005ftime":"1s"}', {"due": '"1s"'}),
        (b'{"unknown":{"x":1,"x":2},"unknown":[],"dueTime":"1s"}', {"due": '"1s"'}),
        (b'{"data":"\\ud83d\\ude00\\\\ud83d"}', {"data": '"\\ud83d\\ude00\\\\ud83d"'}),
        ('{"data":"ü\U0001f600"}'.encode(), {"data": '"ü\U0001f600"'}),
    ],
)
def test_values_are_kept_as_they_are_written(body: bytes, found: dict[str, str]) -> None:
    assert members(body) == found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "{ is expected"),
        (b"\xef\xbb\xbf{}", "{ is expected"),
        (b'{"data"', ": is expected"),
        (b'{"data" 1}', ": is expected"),
        (b'{"data":}', "Expecting value"),
        (b'{"data":1,}', '" is expected'),
        (b"{,}", '" is expected'),
        (b"{data:1}", '" is expected'),
        (b'{"data":01}', ", is expected"),
        (b'{"data":.5}', "Expecting value"),
        (b'{"data":+5}', "Expecting value"),
        (b'{"data":"a\x00b"}', "control character"),
        (b'{"data":"\\x"}', "escape"),
        (b'{"data":"a', "Unterminated"),
        (b'{"data":1} {}', "something follows"),
        (b'{"data":1}\x00', "something follows"),
        (b'{"unknown":tru}', "Expecting value"),
        (b'{"data":NaN}', "NaN"),
        (b'{"data":[-Infinity]}', "-Infinity"),
        (b'{"unknown":Infinity}', "Infinity"),
        (b"\xff", "not UTF-8"),
        (b'{"data":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"data":"\\ud800"}', "surrogate"),
        (b'{"data":"\\udc00"}', "surrogate"),
        (b'{"data":"\\ud800\\ud800\\udc00"}', "surrogate"),
        (b'{"data":["\\ud83d","\\ude00"]}', "surrogate"),
        (b'{"\\ud83d":1}', "surrogate"),
        (b'{"dueTime":"1s","due_time":"1s"}', "duplicate field"),
        (b'{"dueTime":null,"dueTime":null}', "duplicate field"),
        (b'{"data":{"a":[{"b":1,"b":1}]}}', "duplicate map key"),
        (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (b'{"data":' + b'{"a":' * 100_000, "nested"),
        (b'{"unknown":' + b"[" * 100_000, "nested"),
        (b"{" + b",".join(b'"a%d":1' % each for each in range(1001)) + b"}", "1000 members"),
    ],
)
def test_invalid_protojson_is_refused_with_a_reason(body: bytes, said: str) -> None:
    with pytest.raises(MalformedDocument) as refused:
        members(body)
    assert said in refused.value.message
    refused.value.message.encode()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("5.0", 5),
        ("50e-1", 5),
        ("0.5e1", 5),
        ('"5"', 5),
        ('"5.0"', 5),
        ("0", 0),
        ("4294967295", 2**32 - 1),
    ],
)
def test_a_whole_number_has_many_forms(text: str, number: int) -> None:
    assert protojson.uint32(Written(member="repeats", text=text)) == number


@pytest.mark.parametrize(
    "text",
    [
        *("-1", "-0", "5.5", "1e-1", "4294967296", "1e10", "1e999999999", "1" * 41),
        *('"-1"', '" 5"', '"5 "', '""', '"five"', '"0x5"', "true", "[5]", "{}", '"\u0665"'),
    ],
)
def test_a_value_that_is_not_such_a_number_is_refused(text: str) -> None:
    with pytest.raises(MalformedDocument, match="invalid value for uint32 field repeats"):
        protojson.uint32(Written(member="repeats", text=text))


@pytest.mark.parametrize("text", ['"true"', "1", "0", '"false"', "[]"])
def test_only_true_and_false_are_flags(text: str) -> None:
    with pytest.raises(MalformedDocument, match="bool field overwrite"):
        protojson.flag(Written(member="overwrite", text=text))


@pytest.mark.parametrize("text", ["1", "true", "[]", '{"a":1}'])
def test_only_strings_are_strings(text: str) -> None:
    with pytest.raises(MalformedDocument, match="string field ttl"):
        protojson.string(Written(member="ttl", text=text))


@given(st.binary(max_size=60))
def test_any_text_is_read_or_refused(body: bytes) -> None:
    try:
        members(body)
    except MalformedDocument as refused:
        refused.message.encode()
