"""Problem answers: which errors an operation gives, derived from what it takes, as responses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from app import errors
from app.api import negotiation, problems
from app.api.browsers import SAFE_METHODS
from app.api.openapi import headers
from app.api.openapi.operations import Operation
from app.api.openapi.schemas import COUNT, TEXT, Schema, always, answered, maybe, ref
from app.api.scopes import Need
from app.domain.scope import Scope

JSON: Final = "application/problem+json"
XML: Final = "application/problem+xml"

PROBLEM: Final = "Problem"

SCHEMA: Final = answered(
    "What is wrong with a request, and what to do (RFC 9457).",
    {
        "type": always(
            {"type": "string", "format": "uri-reference"},
            "The kind of error; a GET of it describes the kind.",
        ),
        "title": always(TEXT, "The kind of error, in words."),
        "status": always(
            {"type": "integer", "minimum": 400, "maximum": 599}, "The status of the response."
        ),
        "detail": always(TEXT, "What is wrong with this request."),
        "member": maybe(
            TEXT, "The member, part of the path, parameter or header that is wrong: `retry.maxAge`."
        ),
        "remedy": maybe(TEXT, "What to do."),
        "limit": maybe(TEXT, "The limit of the account that is reached, as in GET /1/account."),
        "allowed": maybe(COUNT, "The amount of that limit."),
        "used": maybe(COUNT, "How much of it is used."),
    },
    element="problem",
)

_Errors = set[type[errors.WakecallError]]

_OF_ALL: Final[_Errors] = {
    errors.Refused,
    errors.InvalidMember,
    errors.AddressTooLong,
    errors.RateLimited,
    errors.LoopDetected,
    errors.WakecallError,
    errors.Unavailable,
}
_OF_KEYS: Final[_Errors] = {errors.Unauthenticated, errors.InsufficientScope}
_OF_BODIES: Final[_Errors] = {
    errors.MalformedDocument,
    errors.TooLarge,
    errors.TooSlow,
    errors.UnsupportedEncoding,
}
_OF_REPEATS: Final[_Errors] = {
    *_OF_BODIES,
    errors.StillRunning,
    errors.AnswerUnreadable,
    errors.KeyReused,
    errors.LimitReached,
}
_DOCUMENTS: Final = frozenset(negotiation.DOCUMENTS)
_HEADERS: Final[Mapping[type[errors.WakecallError], tuple[str, ...]]] = {
    errors.Unauthenticated: ("WWW-Authenticate",),
    errors.MethodNotOffered: ("Allow",),
    errors.StillRunning: ("Retry-After?",),
    errors.UnsupportedEncoding: ("Accept-Encoding?",),
    errors.RateLimited: ("Retry-After",),
    errors.Unavailable: ("Retry-After",),
}


def errors_of(operation: Operation, need: Need | None, *, repeatable: bool) -> _Errors:
    """The errors of an operation; `repeatable` if it takes an Idempotency-Key."""
    found = _OF_ALL | set(operation.problems)
    if need is not None:
        found |= _OF_KEYS
        if need.scope is not Scope.READ and operation.method not in SAFE_METHODS:
            found.add(errors.AccountSuspended)
    if operation.method not in SAFE_METHODS:
        found.add(errors.CrossSite)
    if "{" in operation.path:
        # What is sent as a parameter may be, or contain, what leads to another path.
        found |= {errors.NotFound, errors.MethodNotOffered}
    if repeatable:
        found |= _OF_REPEATS
    if operation.body is not None:
        found |= _OF_BODIES
        if _DOCUMENTS & set(operation.body.content):
            found.add(errors.UnsupportedFormat)
    if any(_DOCUMENTS & set(answer.content) for answer in operation.answers) and need is not None:
        found.add(errors.NotAcceptable)
    return found


def by_status(found: Iterable[type[errors.WakecallError]]) -> dict[int, list[str]]:
    """The codes of the errors of each status, both in order."""
    codes: defaultdict[int, list[str]] = defaultdict(list)
    for code, (error, kind) in sorted(problems.BY_CODE.items()):
        if error in found:
            codes[kind.status].append(code)
    return dict(sorted(codes.items()))


def responses_of(
    operation: Operation, need: Need | None, *, repeatable: bool, prefix: str
) -> dict[int, tuple[str, dict[str, Any]]]:
    """The responses to errors by status: the name of each, and what it holds.

    `prefix` is that of all paths.
    """
    return {
        status: (
            name_of(status, codes),
            {
                "description": about_of(codes),
                "headers": headers.of((*headers.OF_ALL, *headers_of(codes))),
                "content": content_of(status, codes, prefix),
            },
        )
        for status, codes in by_status(errors_of(operation, need, repeatable=repeatable)).items()
    }


def name_of(status: int, codes: Sequence[str]) -> str:
    """The name of the response among the components."""
    return ".".join((str(status), *codes))


def headers_of(codes: Sequence[str]) -> tuple[str, ...]:
    """The headers of a response with one of these codes; `?` follows one that it may lack."""
    headers = [_HEADERS.get(problems.BY_CODE[code][0], ()) for code in codes]
    if len(codes) == 1:
        return headers[0]
    return tuple(name if name.endswith("?") else f"{name}?" for each in headers for name in each)


def content_of(status: int, codes: Sequence[str], prefix: str) -> dict[str, Any]:
    """The media types of a response with one of these codes; `prefix` is that of all paths."""
    types = [f"{prefix}/problems/{code}" for code in codes]
    schema: Schema = {
        "allOf": [ref(PROBLEM)],
        "properties": {"type": {"enum": types}, "status": {"const": status}},
    }
    examples = {code: {"value": _example(code, prefix)} for code in codes}
    return {
        JSON: {"schema": schema, "examples": examples},
        XML: {"schema": schema},
        negotiation.TEXT: {"schema": {"type": "string", "pattern": f"^{status} "}},
    }


def about_of(codes: Sequence[str]) -> str:
    """The meaning of each code, a line each."""
    lines = []
    for code in codes:
        error, kind = problems.BY_CODE[code]
        meaning = (error.__doc__ or "").partition("\n")[0]
        lines.append(f"- `{code}`: {kind.title}. {meaning}")
    return "\n".join(lines)


def _example(code: str, prefix: str) -> dict[str, Any]:
    error, kind = problems.BY_CODE[code]
    return {
        "type": f"{prefix}/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": (error.__doc__ or "").partition("\n")[0],
    }
