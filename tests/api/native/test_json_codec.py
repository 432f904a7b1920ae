import json
import time
from typing import Any

import pytest

from app.errors import InvalidMember, MalformedDocument, Refused
from tests.api.native.job_documents import read_json

GOOD = {"url": "https://example.com/", "when": "2030-01-01T00:00:00Z"}


def refusal(body: bytes | str) -> Refused:
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        read_json(body if isinstance(body, bytes) else body.encode())
    assert time.monotonic() - started < 5
    assert caught.value.remedy
    # Whatever was sent, the problem can be rendered in any format.
    json.dumps([caught.value.message, caught.value.member]).encode()
    caught.value.message.encode()
    return caught.value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"   ", "not JSON"),
        (b"{", "not JSON"),
        (b"{}x", "Extra data"),
        (b"{} \r\n\t x", "line 2, column 3"),
        (b"{}\xc2\xa0", "Extra data"),
        (b"{}\x0c", "Extra data"),
        (b'{"url": "a"} {"url": "b"}', "Extra data"),
        (b"{'url': 'a'}", "not JSON"),
        (b'{"url": "a",}', "not JSON"),
        (b'{"url": "a\nb"}', "control character"),
        (b'{"url": "\\x41"}', "escape"),
        (b'{"url": "\\u12"}', "escape"),
        (b"{url: 1}", "not JSON"),
        (b"// {}", "not JSON"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not JSON"),
        (json.dumps(GOOD).encode("utf-16"), "UTF-8"),
        (json.dumps(GOOD).encode("utf-16-le"), "not JSON"),
        (json.dumps(GOOD).encode("utf-32"), "UTF-8"),
        (json.dumps(GOOD).encode("utf-32-be"), "not JSON"),
        (b'{"url": "\xff"}', "UTF-8 (at byte 9)"),
        (b'{"url": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"url": "\xc0\xaf"}', "UTF-8"),
        (b'{"url": NaN}', "NaN"),
        (b'{"url": Infinity}', "Infinity"),
        (b'{"url": -Infinity}', "-Infinity"),
        (b"NaN", "NaN"),
        (b"[" * 30_000, "too deeply"),
        (b'{"a":' * 10_000, "too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
        (b"[]", "an array, not an object"),
        (b'"url"', "a string, not an object"),
        (b"null", "null, not an object"),
        (b"1e400", "a number, not an object"),
        (b"true", "true or false, not an object"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused_with_the_reason(
    body: bytes, said: str
) -> None:
    refused = refusal(body)
    assert isinstance(refused, MalformedDocument)
    assert said in refused.message


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (-0.5, "-0.5"), (True, "true or false"), (["x"], "an array"), ({}, "an object")],
)
@pytest.mark.parametrize("member", ["id", "account", "next"])
def test_a_read_only_member_of_another_type_is_read_as_a_text(
    member: str, value: Any, text: str
) -> None:
    document = read_json(json.dumps({**GOOD, member: value}).encode())
    assert getattr(document, member) == text


@pytest.mark.parametrize("value", [1, -0.5, True, [], {}, ["x"], {"x": "y"}])
@pytest.mark.parametrize(
    "member",
    [
        "url",
        "signature",
        "contentType",
        "data",
        "dataEncoding",
        "when",
        "cron",
        "name",
        "method",
        "misfire",
        "onSuccess",
        "onFailure",
    ],
)
def test_a_value_of_the_wrong_type_is_named(member: str, value: Any) -> None:
    refused = refusal(json.dumps({**GOOD, member: value}))
    assert isinstance(refused, InvalidMember)
    assert refused.member == member
    assert "not a string" in refused.message


@pytest.mark.parametrize("value", ["true", 1])
def test_enabled_is_true_or_false(value: Any) -> None:
    assert refusal(json.dumps({**GOOD, "enabled": value})).member == "enabled"
    assert read_json(json.dumps({**GOOD, "enabled": False}).encode()).enabled is False


@pytest.mark.parametrize("number", ["1e400", "9" * 60_000, "0." + "1" * 60_000, "1e" + "9" * 9_000])
def test_a_huge_number_is_refused_without_being_computed(number: str) -> None:
    refused = refusal(f'{{"url": {number}}}')
    assert refused.member == "url"
    assert "a number" in refused.message


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ('{"url": "a", "url": "b"}', "url"),
        ('{"url": "a", "url": "a"}', "url"),
        ('{"\\u0075rl": "a", "url": "a"}', "url"),
        ('{"x": {"y": 1, "y": 2}}', "y"),
    ],
)
def test_a_member_given_twice_is_refused_by_name(body: bytes, member: str) -> None:
    refused = refusal(body)
    assert refused.member == member
    assert "more than once" in refused.message


def test_many_members_of_which_one_is_given_twice_are_refused_at_once() -> None:
    pairs = ",".join(f'"m{number}":1' for number in range(5_000))
    assert refusal(f'{{{pairs},"m4999":1}}').member == "m4999"


@pytest.mark.parametrize("name", ["Url", "callback", "", "url ", "\u0000", "x" * 5000, "ü", "😀"])
def test_an_unknown_member_is_refused_by_name(name: str) -> None:
    refused = refusal(json.dumps({**GOOD, name: "x"}))
    assert isinstance(refused, InvalidMember)
    assert "A job has no member" in refused.message
    assert "contentType" in refused.remedy
    assert len(refused.message) < 1000


@pytest.mark.parametrize("member", ["url", "data", "signature", "when", "id"])
@pytest.mark.parametrize("text", ["\\ud800", "\\udc00x", "a\\udfff", "\\ud83d\\ud83d\\ude00"])
def test_half_a_surrogate_pair_is_refused(member: str, text: str) -> None:
    others = {**GOOD, member: "?"}
    refused = refusal(json.dumps(others).replace('"?"', f'"{text}"'))
    assert refused.member == member
    assert "surrogate" in refused.message
    assert refusal(f'{{"{text}": 1}}').message


def test_escapes_white_space_and_whole_surrogate_pairs_are_json() -> None:
    read = read_json(b' \r\n\t{ "url" : "\\u0068ttp:\\/\\/a" , "data":"\\ud83d\\ude00\\u0000" } ')
    assert (read.url, read.data) == ("http://a", "😀\0")


@pytest.mark.parametrize(
    ("members", "member", "said"),
    [
        ({"tags": "a"}, "tags", "a string, not an array"),
        ({"tags": {"a": "b"}}, "tags", "an object, not an array"),
        ({"tags": ["a", 5]}, "tags[1]", "a number, not a string"),
        ({"tags": ["a", None]}, "tags[1]", "null, not a string"),
        ({"tags": [["a"]]}, "tags[0]", "an array, not a string"),
        ({"headers": []}, "headers", "an array, not an object"),
        ({"headers": {"X-A": 5}}, "headers.X-A", "a number, not a string"),
        ({"headers": {"X-A": ["a"]}}, "headers.X-A", "an array, not a string"),
        ({"timeout": "5"}, "timeout", "a string, not a number"),
        ({"timeout": True}, "timeout", "true or false, not a number"),
        ({"retry": 5}, "retry", "a number, not an object"),
        ({"retry": {"attempts": 5}}, "retry.attempts", "no member"),
        ({"retry": {"maxAttempts": "5"}}, "retry.maxAttempts", "a string, not a number"),
        ({"retry": {"maxAttempts": 5.5}}, "retry.maxAttempts", '"5.5"'),
        ({"retry": {"schedule": 5}}, "retry.schedule", "a number, not an array"),
        ({"retry": {"schedule": [5, "5"]}}, "retry.schedule[1]", "a string, not a number"),
        ({"retry": {"backoff": 5}}, "retry.backoff", "a number, not an object"),
        ({"retry": {"backoff": {"base": 5}}}, "retry.backoff.base", "no member"),
        ({"misfireWindow": []}, "misfireWindow", "an array, not a number"),
    ],
)
def test_what_a_member_holds_is_named_by_its_path(
    members: dict[str, Any], member: str, said: str
) -> None:
    refused = refusal(json.dumps({**GOOD, **members}))
    assert refused.member == member
    assert said in refused.message


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 60_000, "0." + "1" * 40])
def test_a_number_that_nothing_needs_is_refused_where_numbers_are_taken(number: str) -> None:
    assert refusal(f'{{"timeout": {number}}}').member == "timeout"
    assert refusal(f'{{"retry": {{"maxAttempts": {number}}}}}').member == "retry.maxAttempts"


def test_numbers_are_taken_however_json_writes_them() -> None:
    for text, value in (("5", 5), ("5.0", 5), ("5e0", 5), ("0.5E1", 5), ("2.5", 2.5), ("-0", 0)):
        assert read_json(f'{{"timeout": {text}}}'.encode()).timeout == value


@pytest.mark.parametrize("document", ['{"tags": ["?"]}', '{"headers": {"?": "x"}}'])
def test_half_a_surrogate_pair_is_refused_within_members_too(document: str) -> None:
    assert "surrogate" in refusal(document.replace("?", "\\ud800")).message
