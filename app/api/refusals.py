"""Refusals: what the ASGI application decides about a request before Flask handles it."""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Any, Final

from flask import Flask, Response, request

from app.api import auth, senders
from app.api.context import current_context
from app.api.fair_gate import GateRefused
from app.api.senders import Sender
from app.domain.limits import CONCURRENT_REQUESTS
from app.errors import InvalidMember, RateLimited
from app.service.limits import limits_of

_REFUSAL: Final = "wakecall.refusal"
_JUDGE: Final = "wakecall.judge"
_HOST: Final = frozenset(f"{ascii_letters}{digits}-._~%!$&'()*+;=[]:")
"""Of names, addresses and ports (RFC 3986, 3.2.2), without the comma that joins several."""

_MIB: Final = 1024 * 1024


def install(app: Flask) -> None:
    """Let Flask answer requests that the ASGI application refuses, and check keys for it."""
    app.before_request(_before_routes)


def refused(environ: dict[str, Any], refusal: RateLimited) -> dict[str, Any]:
    """Return the environment of a request that Flask answers with this refusal."""
    return {**environ, _REFUSAL: refusal}


def to_be_judged(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the environment of a request of which only the key is checked."""
    return {**environ, _JUDGE: True}


def concurrent(refused: GateRefused) -> RateLimited:
    """Return the error for an account with too many waiting requests, or with too long a wait."""
    return RateLimited(
        f"One web process handles at most {refused.slots} requests of this account at once; "
        f"{refused.waiting} more are waiting.",
        limit=CONCURRENT_REQUESTS.name,
        allowed=refused.slots,
        used=refused.slots + refused.waiting,
        remedy="Send fewer requests at once, and send this request again after the number of "
        "seconds in Retry-After.",
    )


def unread(sender: Sender, held: int) -> RateLimited:
    """Return the error for a sender who does not read responses, of which `held` bytes wait."""
    who, one = "This account has", "account"
    if sender.account is None:
        who, one = "Clients of your network, without a key that is known here, have", "network"
    return RateLimited(
        f"{who} not yet read {held / _MIB:.1f} MiB of responses, which is the most that one {one} "
        "may leave unread.",
        remedy="Read the responses to earlier requests, or close their connections; then send this "
        "request again.",
    )


def check_host(environ: dict[str, Any]) -> None:
    """Refuse a request without exactly one valid Host (RFC 9112, 3.2); HTTP/1.0 needs none.

    Raises InvalidMember.
    """
    # The server gives an empty one where there is none.
    host: str = environ.get("HTTP_HOST", "")
    if not host and environ["SERVER_PROTOCOL"] != "HTTP/1.1":
        return
    if not host or not _HOST.issuperset(host):
        raise InvalidMember(
            "Host",
            "Host is missing, was sent more than once, or is not the name or address of a host.",
            remedy="Send one Host, with the host and, if it is not the default, the port of the "
            "URL.",
        )


def _before_routes() -> Response | None:
    check_host(request.environ)
    refusal: RateLimited | None = request.environ.get(_REFUSAL)
    if refusal is not None:
        raise refusal
    if _JUDGE in request.environ:
        account = auth.caller().account
        senders.note(
            request.environ, account.id, limits_of(current_context(), account).concurrent_requests
        )
        return Response(status=204)
    return None
