"""Payloads: laid out with every token as it was sent, or as text, or in hexadecimal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console import payloads
from app.domain.run import KEPT_BODY, Reply

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=3) | st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_laying_out_changes_white_space_only(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    laid_out = payloads.to_lines(text)
    assert laid_out is not None
    assert json.loads(laid_out) == value
    assert laid_out == json.dumps(value, ensure_ascii=False, indent=2)


def test_numbers_and_repeated_members_stay_as_they_were_sent() -> None:
    found = payloads.shown(b'{"a":10000000000000000000000001.50,"a":1E400,"b":[]}')
    assert found.form == "JSON"
    assert found.text.split("\n") == [
        "{",
        '  "a": 10000000000000000000000001.50,',
        '  "a": 1E400,',
        '  "b": []',
        "}",
    ]


@pytest.mark.parametrize(
    ("data", "form", "text"),
    [
        (b"plain\n<b>", "text", "plain\n<b>"),
        (b"{not json", "text", "{not json"),
        (b"[" * 9000, "text", "[" * 9000),
        (b"\x00\xffA", "hex", f"000000  {'00 ff 41':<47}  ..A"),
        ("tab\tä".encode(), "text", "tab\tä"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_shown_as_it_is(data: bytes, form: str, text: str) -> None:
    found = payloads.shown(data)
    assert (found.form, found.text, found.size) == (form, text, len(data))


def test_a_long_payload_is_cut_between_characters() -> None:
    data = "ä".encode() * payloads.MAX_SHOWN
    found = payloads.shown(b"x" + data)
    assert (found.is_cut, found.form, found.size) == (True, "text", len(data) + 1)
    assert set(found.text[1:]) == {"ä"}
    assert payloads.shown(b"[" + b"1," * payloads.MAX_SHOWN).form == "text"


@pytest.mark.parametrize("character", ["ä", "時", "😀"])
def test_the_beginning_of_a_text_is_text_wherever_it_is_cut(character: str) -> None:
    whole = f"x{character * 400}".encode()
    for length in range(1, 20):
        found = payloads.shown(whole[:length], is_beginning=True)
        assert (found.form, found.size) == ("text", length)
        assert found.text == whole[:length].decode(errors="ignore")
    reply = Reply(status=200, body=whole[:KEPT_BODY])
    kept = payloads.shown_reply(reply)
    assert kept is not None
    assert kept.text == reply.body.decode(errors="ignore")
    # A whole payload that ends within a character is no text.
    assert payloads.shown(whole[:2]).form == "hex"


def test_a_long_payload_that_is_not_utf_8_is_shown_in_hexadecimal() -> None:
    latin_1 = "Grüße ".encode("latin-1") * payloads.MAX_SHOWN
    assert payloads.shown(latin_1).form == "hex"


def test_json_in_too_many_levels_is_text() -> None:
    deep = "[" * 60 + "]" * 60
    assert payloads.shown(deep.encode()).text == deep
