"""Dry run: whether a request only asks what it would do, and the format of the response."""

from __future__ import annotations

from typing import Final

from flask import request

from app.api import negotiation, scopes
from app.api.native.routes import responses
from app.domain.checks import quoted
from app.errors import InvalidMember

_FLAGS: Final = {"true": True, "false": False}


def negotiate() -> tuple[str, bool]:
    """The media type of the response, and whether the request is a dry run.

    Raises InvalidMember and NotAcceptable.
    """
    dry_run = _parse_flag(scopes.DRY_RUN)
    # In text a job is its id, which a job that is only checked may lack.
    offers = negotiation.TEXT_LAST if dry_run else negotiation.WITH_TEXT
    return responses.negotiate(offers), dry_run


def _parse_flag(name: str) -> bool:
    text = request.args.get(name, "false")
    if text not in _FLAGS:
        raise InvalidMember(
            name, f"{name} is {quoted(text)}, not true or false.", remedy="Give true or false."
        )
    return _FLAGS[text]
