"""Records: what was asked for, what was called, and which fault happened when.

All times are seconds since the epoch by the clock of this machine, which is the database's too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class Fate(Enum):
    """What is to become of a call that was asked for."""

    BOOKED = auto()
    """It was acknowledged: it must be made."""
    DELETED = auto()
    """It was acknowledged, and so was its deletion before it was due."""
    REFUSED = auto()
    """It was refused with a status below 500: it must not be made."""
    UNKNOWN = auto()
    """Nobody knows: no answer came, or 503 did. It may be made, once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A call that was asked for; `key` is how the receiver names it, `job` whose it is if known.

    `answers` are the statuses of all requests that asked for it; 0 stands for no answer.
    """

    key: str
    due: float
    fate: Fate
    job: str | None = None
    deleted_at: float | None = None
    answers: tuple[int, ...] = ()


class Call(NamedTuple):
    """A call as the receiver got it, and the status it answered."""

    key: str
    at: float
    job: str
    run: str
    attempt: int
    answered: int


@dataclass(kw_only=True, slots=True)
class Span:
    """A situation while it was played.

    `mended` is when its fault was over. `may_repeat` tells whether a process or server went away
    in a way that may cost a second call of the same run, `leaps` whether the database's clock is
    set forward at its beginning.
    """

    name: str
    about: str
    may_repeat: bool
    began: float
    leaps: bool = False
    mended: float = 0.0
    ended: float = 0.0
    note: str = ""
    broken: list[str] | None = None
    """Promises that the situation itself saw broken, a line each."""


class Violation(NamedTuple):
    """A promise that was broken, once; `situation` is the one it fell into."""

    kind: str
    situation: str
    text: str
