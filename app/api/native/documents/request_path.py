"""Paths: what is written into the address, a booking (`<when>/<callback>`) or a job's name."""

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

_FORM: Final = "POST /1/jobs/<when or cron>/<callback>, each percent-encoded"
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Of a path that a server or a proxy has decoded, only the callback's scheme tells where it begins.
_CALLBACK: Final = re.compile(r"/(?P<scheme>https?):(?P<slashes>/{0,2})", re.IGNORECASE)
_MERGED: Final = re.compile(r"\b(https?):/(?!/)", re.IGNORECASE)
_DATE: Final = re.compile(r"[+-]?[0-9]{4}")
_SPACE_FOR_PLUS: Final = re.compile(r"(?<=[0-9]) (?=[0-9]{2}(?::?[0-9]{2})?\Z)")
_CRON_FIELDS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class PathForm:
    """What an address asks for: the callback's URL and the time of the call."""

    url: str
    trigger: Trigger


def raw_path(target: str) -> str:
    """The path of a request target (RFC 9112, 3.2), still encoded, without the call's own query."""
    path = target.partition("?")[0].partition("#")[0]
    if path.startswith("/"):
        return path
    return "/" + path.partition("://")[2].partition("/")[2]


def read(raw: str | None, decoded: bytes) -> PathForm:
    """The booking in a path as `text` reads it; raises InvalidMember.

    Decoded exactly once, so that the callback's own escapes (encoded twice) come out as they
    are.
    """
    time, url = _halves(text(raw, decoded).removeprefix(PREFIX))
    return PathForm(url=url, trigger=_trigger(time))


def read_name(raw: str | None, decoded: bytes) -> str:
    """The name that follows BY_NAME in a path, slashes and all; raises InvalidMember."""
    return text(raw, decoded).removeprefix(BY_NAME)


def text(raw: str | None, decoded: bytes) -> str:
    """A path decoded once; `raw` as it came, where the server tells, else `decoded` counts.

    Raises InvalidMember.
    """
    if raw is not None:
        bad = _BAD_ESCAPE.search(raw)
        if bad is not None:
            raise InvalidMember(
                "path",
                f"The path holds {quoted(raw[bad.start() : bad.start() + 3])}.",
                remedy="Write a percent sign as %25.",
            )
        # WSGI hands over bytes as the characters of ISO-8859-1 (PEP 3333).
        decoded = unquote_to_bytes(raw.encode("latin-1"))
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise InvalidMember(
            "path", "The path is not UTF-8.", remedy="Percent-encode the bytes of UTF-8."
        ) from None


def _halves(text: str) -> tuple[str, str]:
    found = _CALLBACK.search(text)
    if found is None:
        callback = text.rpartition("/")[2]
        raise InvalidMember(
            "url", f"{quoted(callback)} is no http or https URL.", remedy=f"Use {_FORM}."
        )
    rest = text[found.end() :]
    if found["slashes"] == "/":
        # A proxy has merged slashes, then also those of a URL within the URL.
        rest = _MERGED.sub(r"\1://", rest)
    return text[: found.start()], f"{found['scheme']}://{rest}"


def _trigger(text: str) -> Trigger:
    """A cron expression has fields; an instant begins with its year.

    No cron expression holds a plus sign, so each is a space. An instant may hold one before its
    offset, which a layer between may have taken for a space; any other blank is refused, as in a
    document.
    """
    spaced = text.replace("+", " ")
    if _DATE.match(text) and len(spaced.split()) < _CRON_FIELDS:
        return At(instant=instants.parse(_SPACE_FOR_PLUS.sub("+", text), member="when"))
    if not spaced.strip():
        raise InvalidMember("when", "The path names no time.", remedy=f"Use {_FORM}.")
    if len(spaced.split()) == 1:
        raise InvalidMember(
            "when",
            f"{quoted(text)} is neither an instant nor a cron expression.",
            remedy='Write "2011-05-11T15%3A30%3A00Z" or "0+15+10+%3F+*+*".',
        )
    return Cron(expression=spaced)
