"""JSON reader: the documents of Fusion's clients, and values that cannot be stored."""

from __future__ import annotations

import pytest

from app.api.fusion import json_reader
from app.errors import InvalidMember, MalformedDocument


def test_a_member_given_twice_with_one_value_counts_once_at_its_first_place() -> None:
    read = json_reader.parse(b'{"type": "cron", "a": [{"b": 1, "b": 1}], "type": "cron"}')
    assert list(read.items()) == [("type", "cron"), ("a", [{"b": 1}])]


@pytest.mark.parametrize(
    ("body", "member", "said"),
    [
        (
            b'{"triggers": [{}, {"type": "cron", "enabled": true, "type": "interval"}]}',
            "triggers[1].type",
            'triggers[1].type is given twice, as "cron" and as "interval".',
        ),
        (b'{"a": 1, "a": true}', "a", "a is given twice, as 1 and as true."),
        (b'{"a": {"b": null, "b": []}}', "a.b", "a.b is given twice, as null and as an array."),
        (b'{"a": 1, "a": 2, "a": 1}', "a", "a is given twice, as another value and as 1."),
        (b'{"a": 1e999}', "a", "a is too large a number."),
        (b'{"a": ["\\u0000"]}', "a[0]", "a[0] contains a NUL character."),
        (b'{"a\\u0000": 1}', "a\\x00", "a\\x00 contains a NUL character."),
        (
            b'{"a": "\\ud800"}',
            "a",
            "a contains half of a surrogate pair, which cannot be encoded.",
        ),
    ],
)
def test_what_contradicts_itself_or_cannot_be_stored_is_named(
    body: bytes, member: str, said: str
) -> None:
    with pytest.raises(InvalidMember) as refused:
        json_reader.parse(body)
    assert (refused.value.member, refused.value.message) == (member, said)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"\xff",
        b"[]",
        b"null",
        b'"a"',
        b"1",
        b"true",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1} {}',
        b"{'a': 1}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 17 + b"]" * 17 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_an_invalid_document_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedDocument) as refused:
        json_reader.parse(body)
    assert refused.value.remedy
    assert len(refused.value.message) < 200


def test_the_path_of_a_member_that_is_nested_deeply_is_cut_and_ends_with_its_name() -> None:
    document = '{"' + '":{"'.join(f"{level}" + "\U0001f600" * 60 for level in range(13))
    with pytest.raises(InvalidMember) as refused:
        json_reader.parse(f'{document}":{{"last":1e400}}{"}" * 13}'.encode())
    assert len(refused.value.message) < 1500
    assert refused.value.member is not None
    assert refused.value.member.startswith("0\\U0001f600")
    assert refused.value.member.endswith("....last")


def test_a_byte_order_mark_and_space_around_the_document_do_no_harm() -> None:
    assert json_reader.parse(b'\xef\xbb\xbf {"a": -12.5}\n') == {"a": -12.5}


@pytest.mark.parametrize(
    ("value", "meant"), [(True, True), ("true", True), ("False", False), (" TRUE", True)]
)
def test_a_boolean_may_be_a_string(value: object, *, meant: bool) -> None:
    assert json_reader.read_flag("enabled", value) is meant


@pytest.mark.parametrize("value", ["yes", "", 1, 0, None, [], {}, "1"])
def test_nothing_else_is_a_boolean(value: object) -> None:
    with pytest.raises(InvalidMember, match="not true or false") as refused:
        json_reader.read_flag("enabled", value)
    assert refused.value.member == "enabled"
