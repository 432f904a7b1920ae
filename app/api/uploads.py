"""Uploads: reads request bodies as they arrive, within limits of size, time and rate.

A body of up to 64 KiB is read from any client. A longer one needs one of the few places of the
process. Only accounts get places, and no account gets the last one.
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
from app.http_server.exchange import BODY

Judge = Callable[[], Awaitable[int | None]]

BODY_S: Final = 15.0
# Bodies of more than 64 KiB and up to 4 MiB that a process holds at once.
MAX_LONG_BODIES: Final = 16
# Bytes that are read of a body that is too long, so that its client gets to read the response.
# Without a valid key, fewer bytes are read.
MAX_DRAINED: Final = 16 * 1024 * 1024
MAX_DRAINED_UNKNOWN: Final = 1024 * 1024
# Bytes a second at which a long body must arrive, after GRACE_S.
MIN_RATE: Final = 64 * 1024
GRACE_S: Final = 2.0


@dataclass(kw_only=True, slots=True)
class Upload:
    """A body as it arrives. After a failure its bytes are still counted, but no longer kept.

    `account` is the id of the sender's account, None if that is not known. `judge` checks the key
    of the request and returns its account, or None without a valid key.
    """

    max_size: int
    account: int | None
    judge: Judge
    announced: int | None = None
    """The length that the request gives; None without one, as of a body in chunks."""
    judged: bool = False
    acquired: bool = False
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    more: bool = True
    failure: BodyFailure | None = None

    def fail(self, failure: BodyFailure) -> None:
        """Drop the body; the first failure is the one that is reported."""
        self.failure = self.failure or failure
        self.parts.clear()

    def take(self, message: Message) -> None:
        """Add a message of the ASGI server."""
        if message["type"] == "http.disconnect":
            # A body with invalid chunked coding also ends in this way.
            self.more = False
            self.parts.clear()
            is_crowded = message.get("crowded", False)
            self.failure = BodyFailure.CROWDED if is_crowded else BodyFailure.CUT
            return
        part = message.get("body", b"")
        self.size += len(part)
        # Some servers tell only with one more message that a body was complete.
        self.more = message.get("more_body", False) and self.size != self.announced
        if self.size > self.max_size:
            self.fail(BodyFailure.LONG)
        if self.failure is None:
            self.parts.append(part)

    @property
    def needs_budget(self) -> bool:
        """Whether the body has become longer than MAX_DOCUMENT and needs a place."""
        return self.size > MAX_DOCUMENT and not self.acquired and self.failure is None

    async def is_known(self) -> bool:
        """Whether an account sends the body; if that is not known, `judge` is called once."""
        if self.account is None and not self.judged:
            self.judged = True
            self.account = await self.judge()
        return self.account is not None


class Uploads:
    """Reads bodies, each within `body_s` seconds, and at most `long_bodies` long ones at once."""

    def __init__(self, *, body_s: float = BODY_S, long_bodies: int = MAX_LONG_BODIES) -> None:
        self._body_s = body_s
        self._budget = SharedBudget(long_bodies)

    async def read(
        self, environ: dict[str, Any], receive: Receive, account: int | None, judge: Judge
    ) -> Upload:
        """Read the body into the WSGI environment, or store its failure there.

        The caller must `release` the upload when the body is no longer used.
        """
        arrived: bytes | None = environ.pop(BODY, None)
        if arrived is not None and len(arrived) <= MAX_DOCUMENT:
            environ["wsgi.input"] = BytesIO(arrived)
            return Upload(max_size=MAX_DOCUMENT, account=account, judge=judge, more=False)
        in_chunks = "HTTP_TRANSFER_ENCODING" in environ
        upload = Upload(
            max_size=bodies.max_size(environ),
            account=account,
            judge=judge,
            announced=None if in_chunks else int(environ["CONTENT_LENGTH"]),
        )
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
        """Give the place of the upload back."""
        if upload.acquired:
            upload.acquired = False
            self._budget.release(upload.account)

    async def _is_worth_reading(self, upload: Upload, environ: dict[str, Any]) -> bool:
        """Return False for a body whose announced length is too long to read and drop it."""
        # A request with both is one in chunks, whose length is not known before its end.
        announced = upload.announced or 0
        if announced <= upload.max_size:
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
            by_itself = upload.account is not None and self._budget.held(upload.account) > 0
            upload.fail(BodyFailure.CROWDED_BY_ITSELF if by_itself else BodyFailure.CROWDED)
