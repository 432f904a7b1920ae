"""Uploads: request bodies as they arrive, within limits of size, time and rate.

A body of up to 64 KiB is taken from anybody. A longer one needs a place, of which a process has
few: only an account gets one, and none gets the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from app.api import bodies
from app.api.bodies import FAILURE, MAX_DOCUMENT, BodyFailure
from app.api.shared_budget import SharedBudget
from app.api.wsgi_bridge import Message, Receive

Judge = Callable[[], Awaitable[int | None]]

BODY_S: Final = 15.0
# Bodies of more than 64 KiB and up to 4 MiB that a process holds at once.
MAX_LONG_BODIES: Final = 16
# What is read of a body that is too long, so that its sender comes to read the answer: of one that
# no valid key came with, less.
MAX_DRAINED: Final = 16 * 1024 * 1024
MAX_DRAINED_UNKNOWN: Final = 1024 * 1024
# A long body must arrive at this rate once the grace is over: bytes a second.
MIN_RATE: Final = 64 * 1024
GRACE_S: Final = 2.0


@dataclass(kw_only=True, slots=True)
class Upload:
    """A body as it arrives; one that fails is counted on, but kept no longer.

    `account` is whose it is, None where that is not known. `judge` finds out whose key came with
    the request, None for nobody's.
    """

    most: int
    account: int | None
    judge: Judge
    judged: bool = False
    acquired: bool = False
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    more: bool = True
    failure: BodyFailure | None = None

    def fail(self, failure: BodyFailure) -> None:
        """Keep nothing of it; the first failure counts."""
        self.failure = self.failure or failure
        self.parts.clear()

    def take(self, message: Message) -> None:
        """Add what has arrived."""
        if message["type"] == "http.disconnect":
            # Also how a body ends that breaks the rules of chunked coding.
            self.more = False
            self.parts.clear()
            self.failure = BodyFailure.CUT
            return
        part = message.get("body", b"")
        self.more = message.get("more_body", False)
        self.size += len(part)
        if self.size > self.most:
            self.fail(BodyFailure.LONG)
        if self.failure is None:
            self.parts.append(part)

    @property
    def needs_budget(self) -> bool:
        """Whether it is longer than what anybody may send, and nobody has asked for a place yet."""
        return self.size > MAX_DOCUMENT and not self.acquired and self.failure is None

    async def is_known(self) -> bool:
        """Whether it comes from an account; asks once, and only where that is not known."""
        if self.account is None and not self.judged:
            self.judged = True
            self.account = await self.judge()
        return self.account is not None


class Uploads:
    """Reads bodies; holds the long_bodies for long ones. `body_s` is how long a body may take."""

    def __init__(self, *, body_s: float = BODY_S, long_bodies: int = MAX_LONG_BODIES) -> None:
        self._body_s = body_s
        self._budget = SharedBudget(long_bodies)

    async def read(
        self, environ: dict[str, Any], receive: Receive, account: int | None, judge: Judge
    ) -> Upload:
        """Read the body into the environment, or note there why it is not to be had.

        The caller must `release` the upload once nothing refers to the body.
        """
        upload = Upload(most=bodies.most(environ), account=account, judge=judge)
        try:
            if await self._is_worth_reading(upload, environ):
                await self._receive(upload, receive)
        except BaseException:
            self.release(upload)
            raise
        if upload.failure is None:
            environ["wsgi.input"] = BytesIO(b"".join(upload.parts))
            upload.parts.clear()
        else:
            environ[FAILURE] = upload.failure
        return upload

    def release(self, upload: Upload) -> None:
        """Give the place back."""
        if upload.acquired:
            upload.acquired = False
            self._budget.release(upload.account)

    async def _is_worth_reading(self, upload: Upload, environ: dict[str, Any]) -> bool:
        """False for what is announced as too long to be read only to be dropped."""
        announced = int(environ.get("CONTENT_LENGTH", 0))
        if announced <= upload.most:
            return True
        upload.fail(BodyFailure.LONG)
        if "HTTP_EXPECT" in environ or announced > MAX_DRAINED:
            return False
        return announced <= MAX_DRAINED_UNKNOWN or await upload.is_known()

    async def _receive(self, upload: Upload, receive: Receive) -> None:
        now = asyncio.get_running_loop().time
        end = now() + self._body_s
        begun = 0.0
        try:
            async with asyncio.timeout_at(end) as deadline:
                while upload.more and upload.size <= MAX_DRAINED:
                    if upload.size > MAX_DRAINED_UNKNOWN and not await upload.is_known():
                        break
                    upload.take(await receive())
                    if upload.needs_budget:
                        await self._acquire(upload)
                        begun = now() + GRACE_S
                    if upload.acquired:
                        arrived = (upload.size - MAX_DOCUMENT) / MIN_RATE
                        deadline.reschedule(min(end, begun + arrived))
        except TimeoutError:
            upload.fail(BodyFailure.SLOW)

    async def _acquire(self, upload: Upload) -> None:
        if await upload.is_known() and self._budget.acquire(upload.account):
            upload.acquired = True
        else:
            upload.fail(BodyFailure.CROWDED)
