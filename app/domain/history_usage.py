"""History usage: how many bytes of history a settled run and its last attempt take."""

from __future__ import annotations

from itertools import chain
from typing import Final

from app.domain.run import Attempt, Reply

RUN_BYTES: Final = 256
"""A run in history with its indexes, as measured, rounded."""

ATTEMPT_BYTES: Final = 256
"""An attempt, without what its receiver sent."""

_PER_HEADER: Final = 7
"""Brackets, quotation marks and commas around a name and a value."""


def attempt_bytes(attempt: Attempt) -> int:
    """What an attempt takes, with the headers and the part of the body that are kept."""
    reply = attempt.reply
    headers = sum(map(len, chain.from_iterable(reply.headers)))
    return ATTEMPT_BYTES + headers + _PER_HEADER * len(reply.headers) + len(reply.body)


def bare(attempt: Attempt) -> Attempt:
    """The attempt without what its receiver sent; its status, error and times stay."""
    reply: Reply = attempt.reply._replace(headers=(), body=b"", kept=False)
    return attempt._replace(reply=reply)
