"""History usage: how many bytes of history a settled run and its last attempt take."""

from __future__ import annotations

from itertools import chain
from typing import Final

from app.domain.run import Attempt, Reply

RUN_BYTES: Final = 256
"""Bytes of a run in history with its indexes, measured and rounded."""

ATTEMPT_BYTES: Final = 256
"""Bytes of an attempt without the headers and the body of its reply."""

_PER_HEADER: Final = 7
"""Brackets, quotation marks and commas around a name and a value."""


def attempt_bytes(attempt: Attempt) -> int:
    """Return the bytes of an attempt, with the headers and the part of the body that are kept."""
    reply = attempt.reply
    headers = sum(map(len, chain.from_iterable(reply.headers)))
    return ATTEMPT_BYTES + headers + _PER_HEADER * len(reply.headers) + len(reply.body)


def bare(attempt: Attempt) -> Attempt:
    """Return the attempt without headers and body; its status, error and times stay."""
    reply: Reply = attempt.reply._replace(headers=(), body=b"", kept=False)
    return attempt._replace(reply=reply)
