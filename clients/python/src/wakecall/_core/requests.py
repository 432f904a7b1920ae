"""Requests: what is sent, built once for a call, however often it is then sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote
from uuid import uuid4

from wakecall.spans import to_seconds

JSON: Final = "application/json"

Parameter = str | int | float | bool | datetime | timedelta | Iterable[str] | None

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_PATH: Final = re.compile(r"/(?!/)[^\s#\x00-\x1f\x7f]*")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
BRIEF: Final = "brief"
"""The view of lists of runs with what a table of them shows."""

VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
"""What a header can carry as a key or a token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request to the service."""

    method: str
    path: str
    """Percent-encoded, from the service's address on."""

    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    idempotency_key: str | None = None
    """Minted here, outside the retries, so that all attempts of one call have the same key."""

    is_minted: bool = False
    """Whether the caller did not choose the key."""

    token: str | None = None
    """A completion token, which is sent in place of the API key."""

    patience: float = 0.0
    """Seconds that the service may take for its answer beyond the client's timeout."""

    is_harmless: bool = False
    """Whether it may be repeated without a key, although it is a POST."""

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing."""
        return self.method in _READING

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        keyed = self.idempotency_key is not None and self.method == "POST"
        return keyed or self.is_harmless or self.method in _IDEMPOTENT

    def with_query(self, name: str, value: str) -> Request:
        """This request with another value of a parameter."""
        others = tuple(each for each in self.query if each[0] != name)
        return replace(self, query=(*others, (name, value)))


def complete(run_id: str, document: Mapping[str, object], token: str | None) -> Request:
    """A completion, which is idempotent by itself; raises ValueError for a token that is none."""
    if token is not None and not VISIBLE.fullmatch(token):
        raise ValueError("The completion token has a character that a header cannot carry.")
    return Request(
        method="POST",
        path=path("runs", run_id, "complete"),
        body=to_json(document),
        headers=(("Content-Type", JSON),),
        token=token,
        is_harmless=True,
    )


def get(path: str, /, **query: Parameter) -> Request:
    """A request that reads."""
    return Request(method="GET", path=path, query=parameters(query))


def put(path: str, document: Mapping[str, object], /, **query: Parameter) -> Request:
    """A request that creates or replaces."""
    return Request(
        method="PUT",
        path=path,
        query=parameters(query),
        body=to_json(document),
        headers=(("Content-Type", JSON),),
    )


def delete(path: str, /) -> Request:
    """A request that deletes."""
    return Request(method="DELETE", path=path)


def post(
    path: str, document: object = None, /, *, idempotency_key: str | None = None, **query: Parameter
) -> Request:
    """A request that does something once: with a key of its own, or with the caller's.

    Raises ValueError for a key that a header cannot carry.
    """
    return Request(
        method="POST",
        path=path,
        query=parameters(query),
        body=None if document is None else to_json(document),
        headers=() if document is None else (("Content-Type", JSON),),
        idempotency_key=mint() if idempotency_key is None else checked_key(idempotency_key),
        is_minted=idempotency_key is None,
    )


def raw(
    method: str,
    path: str,
    *,
    params: Mapping[str, Parameter] | None,
    body: bytes | None,
    headers: Mapping[str, str] | None,
    idempotency_key: str | None,
    patience: float,
) -> Request:
    """A request as the caller writes it; a POST gets a key unless its headers have one.

    The path may have a query of its own. Raises ValueError for a method, path or key that cannot
    be sent.
    """
    verb = method.upper()
    if not _METHOD.fullmatch(verb):
        raise ValueError(f"{method[:40]!r} is not a method.")
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"The path {path[:80]!r} cannot be sent. It begins with one slash, as in /1/jobs, and "
            "spaces and # are written %20 and %23."
        )
    path, _, given_query = path.partition("?")
    given = tuple((headers or {}).items())
    keys = [value for name, value in given if name.lower() == "idempotency-key"]
    key = idempotency_key if idempotency_key is not None else next(iter(keys), None)
    if key is None and verb == "POST":
        key = mint()
    return Request(
        method=verb,
        path=path,
        query=(*parse_qsl(given_query, keep_blank_values=True), *parameters(params or {})),
        body=body,
        headers=tuple(each for each in given if each[0].lower() != "idempotency-key"),
        idempotency_key=None if key is None else checked_key(key),
        patience=patience,
    )


def mint() -> str:
    """A new idempotency key."""
    return str(uuid4())


def checked_key(key: str) -> str:
    """The key, if a header can carry it as it is; raises ValueError."""
    if not _KEY.fullmatch(key) or '"' in key or "," in key:
        raise ValueError(
            "An idempotency key has 1 to 255 visible ASCII characters without commas and quotes."
        )
    return key


def to_json(document: object) -> bytes:
    """The document in JSON; raises ValueError for NaN and half characters, which JSON has not."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def path(*segments: str) -> str:
    """A path below `/1`, each segment encoded as a whole; raises ValueError for one that is lost.

    Clients and proxies drop empty segments, `.` and `..` from an address.
    """
    for each in segments:
        if each in {"", ".", ".."}:
            raise ValueError(f"{each!r} cannot be part of an address.")
    return "/".join(["/1", *(quote(each, safe="") for each in segments)])


def parameters(given: Mapping[str, Parameter]) -> tuple[tuple[str, str], ...]:
    """The parameters of a query, by their names on the wire; None and empty lists are left out."""
    return tuple((camel(name), text) for name, value in given.items() for text in _texts(value))


def camel(name: str) -> str:
    """The name on the wire: `min_lateness` is `minLateness`."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def instant(given: datetime | str, *, is_local: bool = False) -> str:
    """An instant as it is written in a document; a text is passed on for the service to judge.

    `is_local` tells that a time zone is given beside it. Raises ValueError for a datetime without
    an offset otherwise: it is most often a local time, and the service would read it as UTC.
    """
    if isinstance(given, str):
        return given
    if given.tzinfo is None and not is_local:
        raise ValueError(
            f"{given.isoformat()} has no offset: give an aware datetime, as in datetime.now(UTC)."
        )
    return given.isoformat()


def _texts(value: Parameter) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case bool():
            return ("true" if value else "false",)
        case str() | int() | float():
            return (str(value),)
        case datetime():
            return (instant(value),)
        case timedelta():
            return (str(to_seconds(value)),)
        case _:
            return tuple(value)
