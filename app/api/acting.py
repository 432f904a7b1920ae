"""Acting: tells the audit log who makes the changes of a request, and from which address."""

from __future__ import annotations

from flask import Flask, request

from app.domain.audit import Actor
from app.service import audit


def install(app: Flask) -> None:
    """Let no request of this application act for the operator or for the request before it."""
    app.before_request(_begin)
    app.teardown_request(_end)


def name(key_id: str) -> None:
    """Name the key of the request, once it has been verified."""
    audit.acting.set(Actor(key_id=key_id, address=_address()))


def name_user(email: str) -> None:
    """Name the user of the request, once the session has been verified."""
    audit.acting.set(Actor(user=email, address=_address()))


def _begin() -> None:
    audit.acting.set(Actor(key_id="", address=_address()))


def _end(_error: BaseException | None) -> None:
    audit.acting.set(audit.OPERATOR)


def _address() -> str | None:
    address: str | None = request.environ.get("REMOTE_ADDR")
    return None if address is None else address[:64]
