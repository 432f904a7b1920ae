"""Random ids: ids of jobs, runs and requests, made of random bytes that are fetched in advance.

Fetching random bytes lets other threads have the interpreter, which an event loop then waits for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

_PIECE: Final = 8
_PIECES: Final = 512
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_MILLISECOND_NS: Final = 1_000_000
_MASK: Final = (1 << 62) - 1

# The next element of an iterator of a list is taken by one thread only.
_pieces: Iterator[bytes] = iter(())


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7), later in order than those made 250 ns before or earlier.

    The twelve bits after the milliseconds are their fraction (6.2, method 3), so that ids do not
    run ahead of the clock however many are made.
    """
    milliseconds, rest = divmod(time.time_ns(), _MILLISECOND_NS)
    fraction = (rest << 12) // _MILLISECOND_NS
    chance = int.from_bytes(_piece()) & _MASK
    return UUID(int=milliseconds << 80 | _VERSION | fraction << 64 | _VARIANT | chance)


def request_id() -> str:
    """Return a new id of a request, of 16 hexadecimal digits."""
    return _piece().hex()


def _piece() -> bytes:
    """Return eight random bytes, which nobody else gets."""
    found = next(_pieces, None)
    return _refill() if found is None else found


def _refill() -> bytes:
    global _pieces  # noqa: PLW0603 - the pool of the process
    fetched = os.urandom(_PIECE * _PIECES)
    fresh = iter([fetched[at : at + _PIECE] for at in range(0, len(fetched), _PIECE)])
    first = next(fresh)
    _pieces = fresh
    return first


def _drop() -> None:
    global _pieces  # noqa: PLW0603 - as above
    _pieces = iter(())


# A child must not use the bytes that its parent uses.
os.register_at_fork(after_in_child=_drop)
