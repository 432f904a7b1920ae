"""Prepared calls: requests that are built before their time, some in a row, which costs less."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from app.delivery.loop import Loop
from app.delivery.request import Call, Prepared
from app.domain.completion import Tokens
from app.domain.job import Dialect
from app.domain.run import Reply
from app.log import logger
from workers.dispatch.calls import call_of, missing_key
from workers.dispatch.leased_run import LeasedRun

_AT_ONCE: Final = 32
"""Calls that are built in one step of the loop: sockets and timers wait for less than a
millisecond."""

_UNBUILT: Final = (
    "The call cannot be made of what is stored of the run and its account. The service's log tells "
    "why: run.cannot_be_called."
)


class PreparedCalls:
    """Builds the calls of runs that wait for their time, and makes each current as it begins.

    Between two waits for sockets the caches of the processor have lost the code that builds a call:
    to build it alone takes twice the time that it takes in a row. All on the loop's thread.
    """

    def __init__(self, loop: Loop, tokens: Tokens) -> None:
        self._loop = loop
        self._tokens = tokens
        self._waiting: deque[LeasedRun] = deque()

    def prepare(self, runs: Iterable[LeasedRun]) -> None:
        """Build the calls of these runs in the next steps of the loop, where that is possible."""
        if not self._waiting:
            self._loop.call_soon(self._build_some)
        self._waiting.extend(runs)

    def call_of(self, leased: LeasedRun, now: float) -> Call | Reply:
        """The call that begins at `now`; a Reply where the attempt fails without a call.

        So it fails where it cannot be built of what is stored: raised, that would leave a run that
        has its slot, and whose lease is renewed, without an end.
        """
        prepared, leased.prepared = leased.prepared, None
        try:
            call = None if prepared is None else prepared.begin(now - leased.fire_at)
            return call or call_of(leased, now, self._tokens)
        except Exception as error:  # noqa: BLE001 - one bad row ends as a failed attempt
            logger.error("run.cannot_be_called", run_id=str(leased.run.id), exc_info=error)
            return Reply(error="invalid-request", error_detail=_UNBUILT, connected=False)

    def _build_some(self) -> None:
        now = self._loop.clock()
        try:
            for _ in range(min(_AT_ONCE, len(self._waiting))):
                self._build(self._waiting.popleft(), now)
        finally:
            if self._waiting:
                self._loop.call_soon(self._build_some)

    def _build(self, leased: LeasedRun, now: float) -> None:
        """Build a call as it is if it begins at its time.

        Those of Dapr apps and of long payloads are left: their payloads are converted or loaded.
        """
        run = leased.run
        if leased.fire_at <= now or leased.decided or run.size or run.dialect == Dialect.DAPR:
            return
        if leased.address is None or missing_key(leased) is not None:
            return
        call = call_of(leased, leased.fire_at, self._tokens)
        if isinstance(call, Call):
            leased.prepared = Prepared(call, due_at=run.due_at, begins_at=run.send_at)
