"""JSON as google.protobuf.Value: as protobuf's own library has it, and within bounds."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import NULL_VALUE, Value
from hypothesis import given
from hypothesis import strategies as st

from app.protos import json_values

MOST = 1_000_000
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_a_value_is_that_of_the_library(document: Any) -> None:
    text = json.dumps(document)
    expected = json_format.Parse(text, Value())

    encoded = json_values.encode(text.encode(), most=MOST)

    assert Value.FromString(encoded) == expected
    assert json.loads(json_values.decode(encoded)) == document


def test_a_struct_is_encoded_as_dapr_sends_it() -> None:
    expected = "2a100a0e0a0161120911000000000000f03f"
    assert json_values.encode(b'{"a": 1}', most=MOST).hex() == expected


@pytest.mark.parametrize(
    ("number", "read"), [("1e400", float("inf")), ("-0", -0.0), ("9" * 4000, float("inf"))]
)
def test_numbers_become_doubles(number: str, read: float) -> None:
    assert Value.FromString(json_values.encode(number.encode(), most=11)).number_value == read


@pytest.mark.parametrize(
    "text", ["[" + "1," * 100 + "1]", f'["{"x" * 1000}"]', '{"' + "x" * 1000 + '": 1}']
)
def test_a_value_that_would_be_too_long_is_refused(text: str) -> None:
    assert json_values.encode(text.encode(), most=MOST)
    with pytest.raises(json_values.TooLarge):
        json_values.encode(text.encode(), most=900)


@pytest.mark.parametrize("values", ["[{}]", '{{"a": [{}]}}'])
def test_a_value_of_too_many_parts_is_refused(values: str) -> None:
    most = json_values.MAX_VALUES - 2
    assert json_values.encode(values.format(",".join(["0"] * most)).encode(), most=10**8)
    with pytest.raises(json_values.TooLarge):
        json_values.encode(values.format(",".join(["0"] * (most + 2))).encode(), most=10**8)


def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(json_values.TooLarge):
        json_values.encode(b"[" * 900 + b"]" * 900, most=MOST)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(), b""),
        (Value(null_value=NULL_VALUE), b"null"),
        (Value(number_value=3), b"3"),
        (Value(number_value=1e22), orjson.dumps(1e22)),
        (Value(number_value=-0.5), b"-0.5"),
    ],
)
def test_values_as_json(value: Value, text: bytes) -> None:
    assert json_values.decode(value.SerializeToString()) == text


@pytest.mark.parametrize("value", [b"\xff", Value(number_value=float("nan")).SerializeToString()])
def test_invalid_json_is_refused(value: bytes) -> None:
    with pytest.raises(json_values.NotJson):
        json_values.decode(value)
