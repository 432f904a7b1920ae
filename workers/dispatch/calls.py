"""Calls: what a held run is sent as, and to whom it is handed for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from app.delivery.request import Call, build
from app.domain.completion import Tokens
from app.domain.run import Reply
from workers.dispatch.leased_run import LeasedRun

WITHDRAWN: Final = "withdrawn"
"""The engine's error for a call that `may_begin` or `may_go_on` stopped."""

ABORTED: Final = "aborted"
"""The engine's error for a call that was broken off as the engine was closed."""

_UNSIGNED: Final = (
    "waiting: no signing secret of the account can be opened with the keys of this service "
    "(WAKECALL_SECRET_KEY); no attempt was made"
)
_TOKENLESS: Final = (
    "waiting: the token of the app or runner cannot be opened with the keys of this service "
    "(WAKECALL_SECRET_KEY): PUT it again, or give the service the key; no attempt was made"
)


class Sender(Protocol):
    """What the courier needs of the engine."""

    def post(
        self,
        call: Call,
        done: Callable[[Reply], None],
        *,
        may_begin: Callable[[], bool],
        may_go_on: Callable[[], bool],
    ) -> None:
        """Send; `done` is called once, in the loop's thread.

        Where the name had to be resolved first, `may_begin` is asked again, and `may_go_on` before
        a further address is tried. If either says no, the reply's error is `withdrawn` and nothing
        was sent.
        """

    def prepare(self, url: str) -> None:
        """Resolve and judge the host of `url` ahead of time."""


def missing_key(leased: LeasedRun) -> str | None:
    """Why the call cannot be signed, or cannot bear its token, as a key is missing; else None.

    Nothing of that is the receiver's doing, so that no attempt is made of it.
    """
    if not leased.secrets:
        return _UNSIGNED
    return _TOKENLESS if leased.app_token == "" else None


def call_of(leased: LeasedRun, now: float, tokens: Tokens) -> Call | Reply:
    """The signed call that begins at `now`, or why the attempt has failed without one."""
    wall = leased.wall(now)
    # Of an event nothing is to be said later: it has no token, and its 202 is a success.
    token = None if leased.is_event else tokens.make(leased.call_id)
    return build(leased.delivery(wall, token), leased.secrets, int(wall.timestamp()))
