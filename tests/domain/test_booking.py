"""What a booking must keep to: bytes, characters, lengths."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.booking import check
from app.domain.call_options import CallOptions
from app.domain.job import Booking
from app.domain.misfire import Misfire
from app.domain.one_time import At
from app.domain.url_rules import UrlRules
from app.errors import InvalidMember, TooLarge

AT = At(instant=datetime(2030, 1, 1, tzinfo=UTC))
URL = "https://example.com/cb"


def test_what_a_header_can_carry_is_taken_to_the_limit() -> None:
    for value in ("a", "a b", "x" * 1024, 'text/plain; charset="utf-8"', "!~"):
        check(Booking(url=URL, trigger=AT, signature=value, content_type=value), UrlRules())


@pytest.mark.parametrize(
    "value", ["", " a", "a ", "a\n", "a\r\nb", "\x00", "\x7f", "\t", "é", "x" * 1025]
)
@pytest.mark.parametrize("member", ["signature", "contentType"])
def test_what_a_header_cannot_carry_is_refused_by_name(member: str, value: str) -> None:
    booking = (
        Booking(url=URL, trigger=AT, signature=value)
        if member == "signature"
        else Booking(url=URL, trigger=AT, content_type=value)
    )
    with pytest.raises(InvalidMember) as refused:
        check(booking, UrlRules())

    assert refused.value.member == member
    assert refused.value.remedy


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_call_without_a_body_has_none_to_describe(method: str) -> None:
    without = Booking(url=URL, trigger=AT, call_options=CallOptions(method=method))
    check(without, UrlRules())
    check(replace(without, data=b""), UrlRules())
    assert refused(replace(without, data=b"x")) == "data"
    assert refused(replace(without, content_type="a/b")) == "contentType"


def test_data_is_counted_in_bytes() -> None:
    check(Booking(url=URL, trigger=AT, data="é".encode() * 1024), UrlRules())
    with pytest.raises(TooLarge, match="2049 bytes"):
        check(Booking(url=URL, trigger=AT, data=b"x" * 2049), UrlRules())


def refused(booking: Booking) -> str | None:
    with pytest.raises(InvalidMember) as caught:
        check(booking, UrlRules())
    assert caught.value.remedy
    return caught.value.member


def test_names_and_tags_are_words_that_people_can_read() -> None:
    for text in ("a", "Nightly invoice №3", "ü" * 64, "😀"):
        check(Booking(url=URL, trigger=AT, name=text, tags=(text, "other")), UrlRules())
    check(
        Booking(url=URL, trigger=AT, name="x" * 128, tags=tuple(str(n) * 2 for n in range(20))),
        UrlRules(),
    )
    for text in ("", " ", " a", "a ", "a\n", "a\tb", "\0", "\x7f", "\u2028", "\ufffe", "\ud800"):
        assert refused(Booking(url=URL, trigger=AT, name=text)) == "name"
        assert refused(Booking(url=URL, trigger=AT, tags=("a", text))) == "tags[1]"
    assert refused(Booking(url=URL, trigger=AT, name="x" * 129)) == "name"
    assert refused(Booking(url=URL, trigger=AT, tags=("x" * 65,))) == "tags[0]"
    assert refused(Booking(url=URL, trigger=AT, tags=("a", "b", "a"))) == "tags[2]"
    assert refused(Booking(url=URL, trigger=AT, tags=tuple(map(str, range(21))))) == "tags"


@pytest.mark.parametrize("url", ["", "ftp://a/", "http://10.0.0.1/", "https://u:p@a/", "x" * 2049])
def test_the_urls_of_events_are_judged_as_the_callback_s_is(url: str) -> None:
    assert refused(Booking(url=URL, trigger=AT, on_success=url)) == "onSuccess"
    assert refused(Booking(url=URL, trigger=AT, on_failure=url)) == "onFailure"
    check(Booking(url=URL, trigger=AT, on_success=URL, on_failure=URL), UrlRules())


def test_call_options_and_misfire_are_judged_along() -> None:
    assert refused(Booking(url=URL, trigger=AT, call_options=CallOptions(timeout=61))) == "timeout"
    assert refused(Booking(url=URL, trigger=AT, misfire=Misfire(window=0))) == "misfireWindow"
