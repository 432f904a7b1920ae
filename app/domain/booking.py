"""Booking rules: the checks of every booking, whatever its format, path or dialect."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.call_options import (
    BODILESS,
    DEFAULT_OPTIONS,
    MAX_LABEL,
    check_call_options,
    check_value,
)
from app.domain.checks import quoted
from app.domain.job import MAX_DATA, MAX_NAME, MAX_TAG, MAX_TAGS, Booking
from app.domain.misfire import check_misfire
from app.domain.url_rules import UrlRules
from app.errors import InvalidMember, TooLarge


def check(booking: Booking, rules: UrlRules) -> None:
    """Check that a booking can be delivered as it is; raises InvalidMember, TooLarge.

    Its trigger is checked elsewhere (app/domain/trigger.py).
    """
    rules.judge("url", booking.url)
    for member, value in (("signature", booking.signature), ("contentType", booking.content_type)):
        if value is not None:
            check_value(member, value, MAX_LABEL)
    if booking.data is not None and len(booking.data) > MAX_DATA:
        raise TooLarge(
            f"data has {len(booking.data)} bytes.",
            member="data",
            remedy=f"Send at most {MAX_DATA} bytes, or a URL from which to load the payload.",
        )
    if booking.name is not None:
        check_name(booking.name)
    _check_tags(booking.tags)
    if booking.call_options is not DEFAULT_OPTIONS:
        check_call_options(booking.call_options)
        _check_without_body(booking)
    check_misfire(booking.misfire)
    for member, url in (("onSuccess", booking.on_success), ("onFailure", booking.on_failure)):
        if url is not None:
            rules.judge(member, url)


def _check_without_body(booking: Booking) -> None:
    """Check that a job whose method has no body has no payload either; raises InvalidMember."""
    if booking.call_options.method not in BODILESS:
        return
    for member, value in (("data", booking.data), ("contentType", booking.content_type)):
        if value:
            raise InvalidMember(
                member,
                f"{member} cannot be sent: a {booking.call_options.method} request has no body.",
                remedy=f"Leave {member} out, or use POST, PUT or PATCH as the method.",
            )


def check_name(name: str) -> None:
    """Check the name of a job; raises InvalidMember for `name`."""
    _check_words("name", name, MAX_NAME)


def check_tag(member: str, tag: str) -> None:
    """Check a tag; raises InvalidMember for `member`."""
    _check_words(member, tag, MAX_TAG)


def _check_tags(tags: Sequence[str]) -> None:
    if len(tags) > MAX_TAGS:
        raise InvalidMember(
            "tags", f"tags has {len(tags)} entries.", remedy=f"Give at most {MAX_TAGS} tags."
        )
    for number, tag in enumerate(tags):
        member = f"tags[{number}]"
        check_tag(member, tag)
        if tag in tags[:number]:
            raise InvalidMember(
                member,
                f"The tag {quoted(tag)} is given more than once.",
                remedy="Give each tag once.",
            )


def _check_words(member: str, text: str, most: int) -> None:
    """Check that every format can encode the text, and that people can read and type it."""
    if not 1 <= len(text) <= most:
        raise InvalidMember(
            member,
            f"{member} has {len(text)} characters.",
            remedy=f"Use 1 to {most} characters.",
        )
    if not text.isprintable() or text != text.strip():
        raise InvalidMember(
            member,
            f"{member} begins or ends with a space, or contains unprintable characters.",
            remedy="Use printable characters on one line, without a space at either end.",
        )
