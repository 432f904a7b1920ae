"""Passwords: hashes and verifies them with Argon2id, a few at a time in each process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from app.errors import Unavailable

# The least that OWASP recommends; one hash takes some 20 ms of a core.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
AT_ONCE: Final = 2
"""Hashes that one process computes at once, so that calls of strangers cannot take all its cores
and 19 MiB of memory each."""

PATIENCE_S: Final = 5.0
_turns: Final = threading.BoundedSemaphore(AT_ONCE)


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password; raises Unavailable if too many are being hashed."""
    with _turn():
        return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Return whether the password has this hash; takes as long for None, which has no password.

    Raises Unavailable if too many passwords are being hashed.
    """
    with _turn():
        right = _verify(stored or _NOBODY, password)
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Return whether a password with this hash should be hashed again, as the costs changed."""
    return _HASHER.check_needs_rehash(stored)


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=PATIENCE_S):
        raise Unavailable("Too many people are signing in at once; try again in a few seconds.")
    try:
        yield
    finally:
        _turns.release()


_NOBODY: Final = _HASHER.hash("nobody")
"""What the password for an unknown e-mail address is compared with: that must take as long."""
