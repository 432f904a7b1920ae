"""Attempts: what to do after each attempt of one call: give its value, wait, or raise."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from wakecall._core.answers import (
    NOT_FOUND,
    REPEATED_STATUSES,
    STILL_RUNNING,
    Answer,
    UnreadableAnswer,
    error_of,
)
from wakecall._core.requests import Request
from wakecall.errors import NoAnswer, ProblemError, Unreachable, WakecallError
from wakecall.retries import Retries

T = TypeVar("T")

_OK: Final = range(200, 300)
_SERVER_ERROR: Final = 500
_SURELY_REFUSED: Final = frozenset({400, 406, 413, 414, 415, 422})
"""A repetition would have got the kept response if an earlier attempt had been carried out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An attempt without an answer."""

    reason: str
    is_sent: bool
    """Whether the service may have received the request."""

    is_lasting: bool = False
    """Whether a repetition fails alike."""


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """The call has its value."""

    value: T


@dataclass(frozen=True, slots=True)
class Wait:
    """The request is to be sent again after so many seconds."""

    seconds: float


def _now() -> datetime:
    return datetime.now(UTC)


class Attempts(Generic[T]):
    """The attempts of one call so far. `read` makes the value of an answer that succeeded."""

    def __init__(
        self,
        request: Request,
        read: Callable[[Answer], T],
        retries: Retries,
        *,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._request = request
        self._read = read
        self._retries = retries
        self._chance = chance
        self._clock = clock
        self._made = 0
        self._may_be_done = False

    def judge(self, outcome: Answer | Failure) -> Finished[T] | Wait:
        """What follows from the outcome of an attempt; raises the error with which a call ends."""
        self._made += 1
        if isinstance(outcome, Failure):
            return self._after_failure(outcome)
        if outcome.status in _OK:
            try:
                return Finished(self._read(outcome))
            except UnreadableAnswer as error:
                return self._after_failure(Failure(reason=str(error), is_sent=True))
        return self._after_refusal(outcome)

    def _after_failure(self, failure: Failure) -> Wait:
        self._may_be_done |= failure.is_sent
        seconds = None if failure.is_lasting else self._wait(None)
        if seconds is not None:
            return Wait(seconds)
        raise self._with_key(self._lost(failure), may_be_done=self._may_be_done)

    def _after_refusal(self, answer: Answer) -> Finished[T] | Wait:
        error = error_of(answer, now=self._clock(), is_minted=self._request.is_minted)
        running = error.code == STILL_RUNNING
        if running or (answer.status >= _SERVER_ERROR and not error.type):
            # An answer that is not the service's own leaves open what the service did.
            self._may_be_done = True
        elif self._may_be_done and self._request.method == "DELETE" and error.code == NOT_FOUND:
            return Finished(self._read(answer))
        if running or answer.status in REPEATED_STATUSES:
            seconds = self._wait(error)
            if seconds is not None:
                return Wait(seconds)
        may_be_done = self._may_be_done and answer.status not in _SURELY_REFUSED
        raise self._with_key(error, may_be_done=may_be_done)

    def _wait(self, error: ProblemError | None) -> float | None:
        if not self._request.is_repeatable:
            return None
        retry_after = None if error is None else error.retry_after
        return self._retries.wait(self._made, retry_after, self._chance())

    def _lost(self, failure: Failure) -> WakecallError:
        """The error of a call of which no attempt was answered, or the last one was not."""
        reason = failure.reason.rstrip(".")
        if not self._may_be_done:
            return Unreachable(f"The service was not reached: {reason}. Nothing was done.")
        if self._request.is_reading:
            return NoAnswer(f"No answer came: {reason}.")
        key = self._request.idempotency_key
        hint = "" if key is None else f" Repeated with the idempotency key {key}, it is done once."
        return NoAnswer(f"No answer came: {reason}. The request may have been carried out.{hint}")

    def _with_key(self, error: WakecallError, *, may_be_done: bool) -> WakecallError:
        error.idempotency_key = self._request.idempotency_key
        error.may_be_done = may_be_done and not self._request.is_reading
        return error
