"""Problems: turns errors into HTTP responses (RFC 9457); the only map from error to status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson
from flask import Flask, Response, current_app, g, request
from lxml import etree
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoRoute

from app import errors
from app.api import (
    auth,
    browsers,
    dialects,
    negotiation,
    path_prefix,
    refused_keys,
    unavailable_log,
)
from app.api.logged_path import logged_path
from app.api.xml_text import printable
from app.domain.idempotency import is_final
from app.log import logger
from app.store.database_errors import unavailable

CHALLENGE: Final = 'Basic realm="Wakecall", charset="UTF-8", Bearer realm="Wakecall"'
BROWSER_CHALLENGE: Final = 'Bearer realm="Wakecall"'
"""A browser that is asked for Basic asks its user for a key, and then also sends the key with
requests that pages of other sites make."""

NAMESPACE: Final = "urn:ietf:rfc:7807"
RETRY_SECONDS: Final = "1"

_JSON: Final = "application/problem+json"
_XML: Final = "application/problem+xml"
_OFFERS: Final = (
    negotiation.JSON,
    negotiation.TEXT,
    _JSON,
    _XML,
    negotiation.XML_APPLICATION,
    negotiation.XML_TEXT,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """The status and the title of all errors of one class."""

    status: int
    title: str


KINDS: Final[dict[type[errors.WakecallError], Kind]] = {
    errors.Refused: Kind(status=400, title="Invalid request"),
    errors.MalformedDocument: Kind(status=400, title="The body is not a well-formed document"),
    errors.InvalidMember: Kind(status=400, title="Invalid value"),
    errors.Unauthenticated: Kind(status=401, title="No valid API key"),
    errors.AccountSuspended: Kind(status=403, title="The account is suspended"),
    errors.InsufficientScope: Kind(status=403, title="The API key does not allow this"),
    errors.InsufficientRole: Kind(status=403, title="Your role does not allow this"),
    errors.LimitReached: Kind(status=403, title="A limit of the account is reached"),
    errors.CrossSite: Kind(status=403, title="The request comes from another site"),
    errors.NotFound: Kind(status=404, title="Not found"),
    errors.MethodNotOffered: Kind(status=405, title="Method not allowed"),
    errors.NotAcceptable: Kind(status=406, title="No acceptable format"),
    errors.TooSlow: Kind(status=408, title="The body did not arrive in time"),
    errors.Conflict: Kind(status=409, title="Conflict with stored data"),
    errors.StillRunning: Kind(status=409, title="The same request is still being processed"),
    errors.AnswerUnreadable: Kind(status=409, title="The stored response cannot be read"),
    errors.TooLarge: Kind(status=413, title="Too large"),
    errors.AddressTooLong: Kind(status=414, title="The URL is too long"),
    errors.UnsupportedFormat: Kind(status=415, title="Unsupported media type"),
    errors.UnsupportedEncoding: Kind(status=415, title="Unsupported content encoding"),
    errors.KeyReused: Kind(status=422, title="The Idempotency-Key was used for another request"),
    errors.RateLimited: Kind(status=429, title="Too many requests"),
    errors.WakecallError: Kind(status=500, title="Internal error"),
    errors.LoopDetected: Kind(status=508, title="Loop of calls detected"),
    errors.Unavailable: Kind(status=503, title="Temporarily unavailable"),
}
BY_CODE: Final = {error.code: (error, kind) for error, kind in KINDS.items()}

_HEADERS: Final[dict[type[errors.WakecallError], dict[str, str]]] = {
    errors.StillRunning: {"Retry-After": RETRY_SECONDS},
    errors.UnsupportedEncoding: {"Accept-Encoding": "identity"},
    errors.Unavailable: {"Retry-After": RETRY_SECONDS},
}
_INTERNAL: Final = errors.WakecallError(
    "An internal error occurred. Report it to the operator of this service, with the X-Request-Id "
    "of this response."
)
_UNCONFIGURED: Final = (
    "A key or setting that this request needs is missing or has changed. Nothing was done. The "
    "operator of this service finds the reason in its log."
)
_RENDERERS: Final = "wakecall.error_renderers"
_NEW_KEY: Final = (
    "Send the corrected request with a new Idempotency-Key: this response is kept "
    "for the key that was sent."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorRenderer:
    """Renders errors in a dialect's own form, for the requests that the dialect `covers`."""

    covers: Callable[[], bool]
    render: Callable[[errors.WakecallError], Response]


def install(app: Flask) -> None:
    """Answer every error of this application with a problem, never with HTML."""
    unavailable_log.install(app)
    app.register_error_handler(Exception, _answer)


def register_error_renderer(app: Flask, renderer: ErrorRenderer) -> None:
    """Use this renderer for errors of the requests that its dialect covers."""
    app.extensions.setdefault(_RENDERERS, []).append(renderer)


def response(error: errors.WakecallError) -> Response:
    """Render an error in the form of the request's dialect, or else as a problem."""
    renderer = _renderer()
    return _problem(error) if renderer is None else renderer.render(error)


def headers_of(error: errors.WakecallError) -> dict[str, str]:
    """Return the header fields of an error, which do not depend on the form of the body."""
    if isinstance(error, errors.MethodNotOffered):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, errors.RateLimited):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": BROWSER_CHALLENGE if browsers.is_browser() else CHALLENGE}
    return _HEADERS.get(type(error), {})


def _renderer() -> ErrorRenderer | None:
    renderers: list[ErrorRenderer] = current_app.extensions.get(_RENDERERS, [])
    return next((each for each in renderers if each.covers()), None)


def _problem(error: errors.WakecallError) -> Response:
    """Render an error in a format that the client accepts; in JSON if it accepts none."""
    try:
        offer = negotiation.choose(request.headers.get("Accept"), _OFFERS)
    except errors.NotAcceptable:
        offer = negotiation.JSON
    members = _members(error)
    if offer == negotiation.TEXT:
        body, media_type = _text(members), "text/plain; charset=utf-8"
    elif offer in {negotiation.JSON, _JSON}:
        body, media_type = orjson.dumps(members, option=orjson.OPT_INDENT_2), _JSON
    else:
        body, media_type = _xml(members), f"{_XML}; charset=utf-8"
    return Response(body, kind_of(error).status, headers_of(error), content_type=media_type)


def kind_of(error: errors.WakecallError) -> Kind:
    """Return the kind of the error's class, or else of its nearest base class."""
    return next(KINDS[each] for each in type(error).__mro__ if each in KINDS)


def _answer(error: Exception) -> Response:
    if isinstance(error, errors.Refused | HTTPException):
        # A caller without a valid key gets only that refusal.
        try:
            auth.verify()
        except Exception as instead:  # noqa: BLE001 - any error of verify replaces the refusal
            error = instead
    if isinstance(error, MethodNotAllowed):
        allowed = tuple(sorted({*(error.valid_methods or ()), "OPTIONS"}))
        if request.method == "OPTIONS" and _renderer() is None:
            return Response(status=204, headers={"Allow": ", ".join(allowed)})
        return response(errors.MethodNotOffered(printable(request.method[:20]), allowed))
    known = translated(error)
    if known is None:
        logger.error(
            "request.failed",
            request_id=g.get("request_id"),
            method=request.method[:20],
            path=logged_path(),
            exc_info=error,
        )
        return response(_INTERNAL)
    if isinstance(known, errors.Unauthenticated):
        known = refused_keys.judge(known)
    if isinstance(known, errors.Unavailable):
        unavailable_log.log(known)
    return response(known)


def translated(error: Exception) -> errors.WakecallError | None:
    """Translate an exception into the error tree; None for a defect, which is only logged."""
    match error:
        case errors.Refused() | errors.Unavailable():
            return error
        case SQLAlchemyError() if (instead := unavailable(error)) is not None:
            instead.__cause__ = error
            return instead
        case NoRoute():
            return errors.NotFound(
                "There is nothing at this path.", remedy=dialects.paths_remedy(request.path)
            )
        case errors.Misconfigured():
            # The cause is logged for the operator, and not shown to clients.
            missing = errors.Unavailable(_UNCONFIGURED)
            missing.__cause__ = error
            return missing
        case HTTPException(code=int(code)) if code < 500:  # noqa: PLR2004 - RFC 9110, 15.6
            return errors.Refused(error.description or error.name)
    return None


def _members(error: errors.WakecallError) -> dict[str, str | int]:
    kind = kind_of(error)
    members: dict[str, str | int] = {
        "type": path_prefix.add(f"/problems/{error.code}"),
        "title": kind.title,
        "status": kind.status,
        "detail": printable(error.message),
    }
    if isinstance(error, errors.Refused):
        if error.member:
            members["member"] = printable(error.member)
        remedies = [error.remedy] if error.remedy else []
        if g.get("answer_is_kept") and is_final(kind.status):
            remedies.append(_NEW_KEY)
        if remedies:
            members["remedy"] = printable(" ".join(remedies))
    if isinstance(error, errors.LimitReached | errors.RateLimited) and error.limit:
        members |= {"limit": error.limit, "allowed": error.allowed, "used": error.used}
    return members


def _text(members: dict[str, str | int]) -> bytes:
    lines = [f"{members['status']} {members['title']}", str(members["detail"])]
    lines += [
        f"{name}: {members[name]}"
        for name in ("member", "remedy", "limit", "type")
        if name in members
    ]
    return ("\n".join(lines) + "\n").encode()


def _xml(members: dict[str, str | int]) -> bytes:
    root = etree.Element(f"{{{NAMESPACE}}}problem", nsmap={None: NAMESPACE})  # type: ignore[dict-item] # lxml: None is the default namespace
    for name, value in members.items():
        etree.SubElement(root, f"{{{NAMESPACE}}}{name}").text = str(value)
    etree.indent(root)
    return etree.tostring(root)
