"""Answers: what came back for one attempt, and the error that it stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from wakecall import errors
from wakecall.errors import Problem, ProblemError

REPEATED_STATUSES: Final = frozenset({408, 429, 502, 503, 504})
"""After these the same request may succeed. 500 is a defect, which a repetition meets again."""

STILL_RUNNING: Final = "still-running"
NOT_FOUND: Final = "not-found"

_NEW_KEY: Final = "Send the corrected request with a new Idempotency-Key"
"""How the sentence begins that the service adds to the remedy of a response that it keeps."""

_READ_BYTES: Final = 4096
_SHOWN_CHARACTERS: Final = 200
_TITLE: Final = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_MARKUP: Final = re.compile(r"(?is)<(script|style)\b.*?</\1>|<!--.*?-->|<[^<>]*>?")
_BY_CODE: Final[Mapping[str, type[ProblemError]]] = {
    "invalid-member": errors.InvalidMember,
    "unauthenticated": errors.Unauthenticated,
    "limit-reached": errors.LimitReached,
    "not-found": errors.NotFound,
    "idempotency-key-reused": errors.KeyReused,
}
_BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    409: errors.Conflict,
    413: errors.TooLarge,
    429: errors.RateLimited,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}
_BY_STATUS_OF_OTHERS: Final = frozenset({429, 502, 503, 504})
"""Statuses that mean the same if a proxy answers in the service's place."""


class UnreadableAnswer(Exception):
    """The answer to a request that succeeded is not the document that was expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer of the service as it came."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""

    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The value of the body; raises ValueError if it is not JSON, or nested too deeply."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("The JSON is nested too deeply.") from None

    @property
    def excerpt(self) -> str:
        """The beginning of the body in one line for messages; of an HTML page its title or text."""
        text = self.body[:_READ_BYTES].decode("utf-8", "replace")
        if text.lstrip().startswith("<"):
            title = _TITLE.search(text)
            text = unescape((title and title[1].strip()) or _MARKUP.sub(" ", text))
        return " ".join(text.split())[:_SHOWN_CHARACTERS].rstrip() or "it has no text"

    @property
    def request_id(self) -> str | None:
        """The `X-Request-Id`, by which the operator finds the request in the log."""
        return self.headers.get("x-request-id")

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page; None on the last.

        Only the cursor is taken from the Link: the request goes where the first one went, whatever
        address a proxy gave the Link.
        """
        for link in self.headers.get("link", "").split(", "):
            target, _, relation = link.partition(">")
            if 'rel="next"' in relation:
                cursors = parse_qs(_query_of(target.lstrip("<"))).get("cursor")
                return cursors[0] if cursors else None
        return None


def _query_of(url: str) -> str:
    """The query of a URL; empty if it cannot be read, as `//[`."""
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def document_of(answer: Answer) -> Any:  # noqa: ANN401 - JSON holds anything
    """The document of an answer; raises UnreadableAnswer."""
    try:
        return answer.json()
    except ValueError:
        raise UnreadableAnswer(f"The answer is not a document: {answer.excerpt}") from None


def error_of(answer: Answer, *, now: datetime, is_minted: bool = False) -> ProblemError:
    """The error that an answer stands for, which is not a success.

    Callers who left it to the library to mint the idempotency key are not asked for a new one.
    """
    problem = _problem(answer, now)
    if is_minted and problem.remedy is not None:
        problem = replace(problem, remedy=_without_key(problem.remedy))
    if problem.type:
        other = errors.ServerError if answer.status >= 500 else ProblemError  # noqa: PLR2004 - class
        found = _BY_CODE.get(problem.code) or _BY_STATUS.get(answer.status, other)
    elif answer.status in _BY_STATUS_OF_OTHERS:
        found = _BY_STATUS[answer.status]
    else:
        found = errors.ServerError
    return found(problem)


def _problem(answer: Answer, now: datetime) -> Problem:
    document = _problem_document(answer)
    told = {name: _text(document.get(name)) for name in ("title", "detail", "type")}
    return Problem(
        status=answer.status,
        type=told["type"] or "",
        title=told["title"] or "",
        detail=told["detail"] or ("" if document else _foreign(answer)),
        member=_text(document.get("member")),
        remedy=_text(document.get("remedy")),
        request_id=answer.request_id,
        retry_after=_retry_after(answer, now),
        document=document,
    )


def _problem_document(answer: Answer) -> Mapping[str, object]:
    """The problem document; empty if the body is not one of Wakecall's."""
    try:
        value = answer.json()
    except ValueError:
        return {}
    known = isinstance(value, dict) and "/problems/" in str(value.get("type", ""))
    return value if known else {}


def _foreign(answer: Answer) -> str:
    location = answer.headers.get("location")
    if location is not None:
        return (
            f"The answer is {answer.status} and leads to {location[:_SHOWN_CHARACTERS]}; "
            "redirects are not followed. Give the client the address that answers itself."
        )
    return f"The answer {answer.status} is not Wakecall's: {answer.excerpt}"


def _without_key(remedy: str) -> str | None:
    return remedy.partition(_NEW_KEY)[0].rstrip() or None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """Seconds or a date (RFC 9110, 10.2.3); None for one that cannot be read."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**9))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    zoned = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(zoned - now, timedelta())
