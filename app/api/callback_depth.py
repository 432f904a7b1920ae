"""Loops: calls of Wakecall that make Wakecall call again, and so on, come to an end."""

from __future__ import annotations

from typing import Final

from flask import Flask, request

from app.domain.checks import quoted
from app.domain.run import DEPTH_HEADER, MAX_DEPTH
from app.errors import InvalidMember, LoopDetected
from app.store.depth import set_depth

_DIGITS: Final = 4


def install(app: Flask) -> None:
    """Heed the depth of every request to this application."""
    app.before_request(_heed)


def _heed() -> None:
    """Give all that this request does its depth. Raises LoopDetected, InvalidMember."""
    text = request.headers.get(DEPTH_HEADER)
    if text is None:
        # A thread answers one request after the other.
        set_depth(0)
        return
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise InvalidMember(
            DEPTH_HEADER,
            f"{DEPTH_HEADER} is {quoted(text)}.",
            remedy="Leave the header out; where a call of Wakecall led to this request, pass on "
            "what came with it.",
        )
    depth = int(text)
    if depth >= MAX_DEPTH:
        raise LoopDetected(
            f"This request comes from a call of Wakecall that another call led to, and so on: "
            f"{DEPTH_HEADER} is {depth}.",
            member=DEPTH_HEADER,
            remedy=f"Calls may lead to requests and these to calls, {MAX_DEPTH} calls deep. Let "
            "the job recur by a schedule instead of booking itself again.",
        )
    set_depth(depth)
