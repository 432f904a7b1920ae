"""JobEventCalls: calls a gRPC app by the method that it has, which may be one of two."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from app.delivery.addressing import ALPHA1_PATH, STABLE_PATH
from app.delivery.grpc import with_deadline
from app.delivery.request import Call
from app.domain.grpc_status import UNIMPLEMENTED
from app.domain.run import Reply, Timing

REMEMBERED_S: Final = 600.0
"""Seconds for which an app without OnJobEvent is called by OnJobEventAlpha1 first."""

_MAX_REMEMBERED: Final = 10_000

MayGoOn = Callable[[], bool]


class Post(Protocol):
    """How a call is handed to the engine (`Engine.post`)."""

    def __call__(
        self,
        call: Call,
        done: Callable[[Reply], None],
        *,
        may_begin: MayGoOn,
        may_go_on: MayGoOn,
    ) -> None:
        """Send the call; `done` is called once with its reply."""


@dataclass(slots=True, eq=False)
class _PendingCall:
    """A call whose first method has not answered yet."""

    call: Call
    base: str
    path: str
    other: str
    done: Callable[[Reply], None]
    may_go_on: MayGoOn
    started: float


class JobEventCalls:
    """Makes the calls of job events, each by up to two methods within one deadline.

    An app that answers UNIMPLEMENTED to one method is called by the other at once: that is part of
    the same attempt. Which URL needs OnJobEventAlpha1 is remembered for a while. Used by the loop's
    thread alone.
    """

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self._post = post
        self._clock = clock
        self._alpha1_until: OrderedDict[str, float] = OrderedDict()
        """Until when the app at a URL is called by OnJobEventAlpha1 first."""

    def post(
        self,
        call: Call,
        done: Callable[[Reply], None],
        *,
        may_begin: MayGoOn,
        may_go_on: MayGoOn,
    ) -> None:
        """Send the call as `Engine.post` does, whose URL ends with the path of OnJobEvent.

        `may_go_on` is also called before the second method is. If it returns False, the error is
        `withdrawn`: the app has done nothing.
        """
        base = call.url.removesuffix(STABLE_PATH)
        path, other = STABLE_PATH, ALPHA1_PATH
        if self._needs_alpha1(base):
            path, other = other, path
        pending = _PendingCall(call, base, path, other, done, may_go_on, self._clock())
        self._post(
            call._replace(url=base + path),
            partial(self._on_first_reply, pending),
            may_begin=may_begin,
            may_go_on=may_go_on,
        )

    def _on_first_reply(self, pending: _PendingCall, reply: Reply) -> None:
        took = self._clock() - pending.started
        left = pending.call.timeout - took
        if reply.error != UNIMPLEMENTED or left <= 0:
            pending.done(reply)
            return
        if not pending.may_go_on():
            detail = "The call was withdrawn before the app was called by the other method."
            pending.done(Reply(error="withdrawn", error_detail=detail, connected=False))
            return
        self._post(
            with_deadline(pending.call._replace(url=pending.base + pending.other), left),
            partial(self._on_second_reply, pending, took * 1000),
            may_begin=pending.may_go_on,
            may_go_on=pending.may_go_on,
        )

    def _on_second_reply(self, pending: _PendingCall, before: float, reply: Reply) -> None:
        """End the call; `before` are the milliseconds that the first method took."""
        if reply.error == UNIMPLEMENTED:
            self._alpha1_until.pop(pending.base, None)
        elif reply.status is not None or reply.connected:
            self._remember(pending.base, is_alpha1=pending.other == ALPHA1_PATH)
        pending.done(reply._replace(timing=_later(reply.timing, before)))

    def _needs_alpha1(self, base: str) -> bool:
        return self._alpha1_until.get(base, 0.0) > self._clock()

    def _remember(self, base: str, *, is_alpha1: bool) -> None:
        self._alpha1_until.pop(base, None)
        if is_alpha1:
            self._alpha1_until[base] = self._clock() + REMEMBERED_S
            if len(self._alpha1_until) > _MAX_REMEMBERED:
                self._alpha1_until.popitem(last=False)


def _later(timing: Timing, by: float) -> Timing:
    """The timing, with all milestones `by` milliseconds later."""

    def later(milestone: float | None) -> float | None:
        return None if milestone is None else milestone + by

    dns, connect, tls, first_byte, total = timing
    return Timing(later(dns), later(connect), later(tls), later(first_byte), total + by)
