"""Request path: a booking (`<when or cron>/<callback>`) or a job's name, read from a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from app.domain import instants
from app.domain.checks import quoted
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.trigger import Trigger
from app.errors import InvalidMember

PREFIX: Final = "/1/jobs/"
BY_NAME: Final = "/1/jobs/by-name/"

_USAGE: Final = "POST /1/jobs/<when or cron>/<callback>, each percent-encoded"
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# In a path that a server or a proxy has decoded, only its scheme shows where the callback begins.
_CALLBACK: Final = re.compile(r"/(?P<scheme>https?):(?P<slashes>/{0,2})", re.IGNORECASE)
_MERGED: Final = re.compile(r"\b(https?):/(?!/)", re.IGNORECASE)
_DATE: Final = re.compile(r"[+-]?[0-9]{4}")
_SPACE_FOR_PLUS: Final = re.compile(r"(?<=[0-9]) (?=[0-9]{2}(?::?[0-9]{2})?\Z)")
_CRON_FIELDS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class PathBooking:
    """What a path books: the callback's URL and when to call it."""

    url: str
    trigger: Trigger


def raw_path(target: str) -> str:
    """The path of a request target (RFC 9112, 3.2), still encoded, without the query."""
    path = target.partition("?")[0].partition("#")[0]
    if path.startswith("/"):
        return path
    return "/" + path.partition("://")[2].partition("/")[2]


def read_booking(raw: str | None, decoded: bytes) -> PathBooking:
    """The booking in a path; raises InvalidMember.

    The path is decoded exactly once, so that the callback's own escapes, which the client has
    encoded twice, stay escapes.
    """
    time, url = _split(_decode(raw, decoded).removeprefix(PREFIX))
    return PathBooking(url=url, trigger=_trigger(time))


def read_name(raw: str | None, decoded: bytes) -> str:
    """The job's name in a path, including its slashes; raises InvalidMember."""
    return _decode(raw, decoded).removeprefix(BY_NAME)


def _decode(raw: str | None, decoded: bytes) -> str:
    """The path decoded once: from `raw`, or `decoded` where the server does not give the raw path.

    Raises InvalidMember.
    """
    if raw is not None:
        bad = _BAD_ESCAPE.search(raw)
        if bad is not None:
            raise InvalidMember(
                "path",
                f"The path contains {quoted(raw[bad.start() : bad.start() + 3])}, not an escape.",
                remedy="Write a percent sign as %25.",
            )
        # WSGI hands over bytes as the characters of ISO-8859-1 (PEP 3333).
        decoded = unquote_to_bytes(raw.encode("latin-1"))
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise InvalidMember(
            "path",
            "The path is not UTF-8.",
            remedy="Encode the path as UTF-8, then percent-encode it.",
        ) from None


def _split(text: str) -> tuple[str, str]:
    """The time and the callback's URL in a decoded path; raises InvalidMember."""
    found = _CALLBACK.search(text)
    if found is None:
        callback = text.rpartition("/")[2]
        raise InvalidMember(
            "url", f"{quoted(callback)} is not an http(s) URL.", remedy=f"Use {_USAGE}."
        )
    rest = text[found.end() :]
    if found["slashes"] == "/":
        # A proxy has merged these slashes, so it has also merged those of a URL within the URL.
        rest = _MERGED.sub(r"\1://", rest)
    return text[: found.start()], f"{found['scheme']}://{rest}"


def _trigger(text: str) -> Trigger:
    """The trigger of a path: an instant begins with a year, a cron expression has several fields.

    An expression such as `@daily` has one.

    A cron expression has no plus sign, so each is read as a space. An instant may have one before
    its offset, which a proxy may have replaced by a space; any other space is refused, as in a
    document. Raises InvalidMember.
    """
    spaced = text.replace("+", " ")
    if _DATE.match(text) and len(spaced.split()) < _CRON_FIELDS:
        return At(instant=instants.parse(_SPACE_FOR_PLUS.sub("+", text), member="when"))
    if not spaced.strip():
        raise InvalidMember("when", "The path contains no time.", remedy=f"Use {_USAGE}.")
    if len(spaced.split()) == 1 and not spaced.lstrip().startswith("@"):
        raise InvalidMember(
            "when",
            f"{quoted(text)} is neither an instant nor a cron expression.",
            remedy='Use an instant such as "2011-05-11T15%3A30%3A00Z" or a cron expression such as '
            '"15+10+*+*+*".',
        )
    return Cron(expression=spaced)
