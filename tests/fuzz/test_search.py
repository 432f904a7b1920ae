"""The search finds what it is there for: exceptions, long reading, and refusals that are wrong."""

from __future__ import annotations

import re

import pytest

from app.errors import InvalidMember, MalformedDocument
from tests.fuzz import corpus
from tests.fuzz.mutation import Long
from tests.fuzz.parser import Parser, to_bytes
from tests.fuzz.search import SHORT, THOROUGH, Effort, Finding, Search, fault, shrunk


def search(parser: Parser, effort: Effort = THOROUGH) -> list[Finding]:
    return Search(name="planted", parser=parser, drawn_from="1").run(effort)


def test_an_exception_that_is_not_a_refusal_is_found_with_a_short_text() -> None:
    def read(text: str) -> int:
        # A digit for `isdigit` that `int` does not read.
        return int(text) if text.isdigit() else 0

    (found,) = search(Parser(read=read, samples=("15",)))

    assert found.wrong.startswith("ValueError in test_search.py, read")
    assert found.text == ascii("\xb2")


def test_an_exit_is_found() -> None:
    def read(text: str) -> None:
        if "-" in text:
            raise SystemExit(2)

    (found,) = search(Parser(read=read, samples=("a-b",)))

    assert found.wrong.startswith("SystemExit")
    assert found.text == "'-'"


def test_a_pattern_that_backtracks_is_found_at_the_first_length_that_shows_it() -> None:
    pattern = re.compile(r"\s+;")

    (found,) = search(Parser(read=pattern.search, samples=("a  b",), words=(" ",)))

    assert found.wrong.startswith("too slow: ")
    assert re.fullmatch(r"'.*' \+ '.*' \* [0-9]+.*", found.text)


@pytest.mark.parametrize(
    ("refusal", "wrong"),
    [
        (MalformedDocument("a" * 3000), "long refusal"),
        (MalformedDocument("\ud800"), "unwritable refusal"),
        (InvalidMember("url", "wrong", remedy=""), "bare refusal"),
        (InvalidMember("", "wrong", remedy="Do this."), "bare refusal"),
    ],
)
def test_a_refusal_that_cannot_be_sent_or_helps_nobody_is_a_fault(
    refusal: Exception, wrong: str
) -> None:
    def read(_text: str) -> None:
        raise refusal

    assert (fault(Parser(read=read, samples=("a",)), "a") or "").startswith(wrong)


def test_a_refusal_that_is_documented_is_none() -> None:
    def read(text: str) -> None:
        raise InvalidMember("url", f"There is no {len(text)}.", remedy="Give another one.")

    assert search(Parser(read=read, samples=("a",)), SHORT) == []


def test_a_search_tries_the_same_texts_from_the_same_seed() -> None:
    tried: list[list[str]] = [[], [], []]
    for texts, seed in zip(tried, ("1", "1", "2"), strict=True):
        parser = Parser(read=texts.append, samples=("0 15 10 ? * *", "@daily"), words=("W",))
        Search(name="a", parser=parser, drawn_from=seed).run(SHORT)

    assert tried[0] == tried[1]
    assert tried[0] != tried[2]
    assert len(set(tried[0])) > SHORT.changed // 2


def test_what_a_text_fails_without_is_left_out() -> None:
    assert shrunk("abcdefgh", lambda text: "c" in text and "g" in text) == "cg"


def test_a_long_text_has_the_length_that_is_asked_for() -> None:
    long = Long(before="a", unit="bc", after="d", times=1)

    assert long.sized(8).text == "abcbcbcd"
    assert Long(before="", unit="b", after="", times=3, is_numbered=True).text == "b0b1b2"


def test_texts_that_reach_no_further_lines_are_not_kept() -> None:
    parser = Parser(read=corpus.load, samples=("x",))

    assert corpus.worth_keeping(parser, ["x", "yy"]) == []


def test_bytes_that_are_not_utf_8_are_tried() -> None:
    assert to_bytes("\xe9\udcff") == b"\xc3\xa9\xff"
