"""Callback depth: ends loops of calls that lead to requests that lead to calls."""

from __future__ import annotations

from typing import Final

from flask import Flask, request

from app.domain.checks import quoted
from app.domain.run import DEPTH_HEADER, MAX_DEPTH
from app.errors import InvalidMember, LoopDetected
from app.store.depth import set_depth

_DIGITS: Final = 4


def install(app: Flask) -> None:
    """Read the callback depth of every request to this application."""
    app.before_request(_heed)


def _heed() -> None:
    """Set the depth of all that this request stores. Raises LoopDetected, InvalidMember."""
    text = request.headers.get(DEPTH_HEADER)
    if text is None:
        # The thread may have the depth of an earlier request.
        set_depth(0)
        return
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise InvalidMember(
            DEPTH_HEADER,
            f"{DEPTH_HEADER} must be a number of at most {_DIGITS} digits, not {quoted(text)}.",
            remedy="Omit the header. If a call from Wakecall led to this request, pass on the "
            "value that came with the call.",
        )
    depth = int(text)
    if depth >= MAX_DEPTH:
        raise LoopDetected(
            f"This request was caused by {depth} calls from Wakecall, each of which led to the "
            f"next ({DEPTH_HEADER} is {depth}).",
            member=DEPTH_HEADER,
            remedy=f"Calls may lead to further calls only {MAX_DEPTH} deep. Give the job a "
            "recurring schedule instead of letting it book itself again.",
        )
    set_depth(depth)
