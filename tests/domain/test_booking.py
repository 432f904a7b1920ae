"""What a booking must keep to: bytes, characters, lengths."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.domain.booking import check
from app.domain.job import Booking
from app.domain.trigger import At
from app.errors import InvalidMember, TooLarge

AT = At(instant=datetime(2030, 1, 1, tzinfo=UTC))
URL = "https://example.com/cb"


def test_what_a_header_can_carry_is_taken_to_the_limit() -> None:
    for value in ("a", "a b", "x" * 1024, 'text/plain; charset="utf-8"', "!~"):
        check(Booking(url=URL, trigger=AT, signature=value, content_type=value), allow=())


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
        check(booking, allow=())

    assert refused.value.member == member
    assert refused.value.remedy


def test_data_is_counted_in_bytes() -> None:
    check(Booking(url=URL, trigger=AT, data="é".encode() * 1024), allow=())
    with pytest.raises(TooLarge, match="2049 bytes"):
        check(Booking(url=URL, trigger=AT, data=b"x" * 2049), allow=())
