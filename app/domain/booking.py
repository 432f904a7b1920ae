"""What a booking must keep to, whatever format, path or dialect it came in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from app.domain.job import MAX_DATA, MAX_LABEL, Booking
from app.domain.target import judge_url
from app.errors import InvalidMember, TooLarge

# RFC 9110 §5.5: what a header value may hold without being altered or misread on the way.
_VISIBLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


def check(booking: Booking, *, allow: Sequence[IPv4Network | IPv6Network]) -> None:
    """Refuse a booking that could not be delivered as it stands; its trigger is judged apart.

    Raises InvalidMember, TooLarge.
    """
    judge_url(booking.url, allow=tuple(allow))
    _header_value("signature", booking.signature)
    _header_value("contentType", booking.content_type)
    if booking.data is not None and len(booking.data) > MAX_DATA:
        raise TooLarge(
            f"data has {len(booking.data)} bytes.",
            member="data",
            remedy=f"Send at most {MAX_DATA} bytes, or a reference to where the rest is.",
        )


def _header_value(member: str, value: str | None) -> None:
    if value is None:
        return
    if len(value) > MAX_LABEL:
        raise InvalidMember(
            member,
            f"{member} has {len(value)} characters.",
            remedy=f"Use at most {MAX_LABEL} characters.",
        )
    if not _VISIBLE.fullmatch(value):
        raise InvalidMember(
            member,
            f"{member} is empty or holds characters that a header cannot carry.",
            remedy="Use visible ASCII characters; spaces only between them.",
        )
