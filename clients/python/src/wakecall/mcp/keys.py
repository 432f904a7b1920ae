"""Keys: whether the service accepts the API key of a request, and for which account and scope."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mcp.server.auth.provider import AccessToken, TokenVerifier

from wakecall import AsyncClient, Forbidden, Unauthenticated, WakecallError

KNOWN_S: Final = 60.0
"""How long a key is not asked about again. The service still refuses a revoked one at once."""

MAX_KNOWN: Final = 4096
MAX_AT_ONCE: Final = 16
"""Keys that are asked about at once; others wait."""

MAX_WAITING: Final = 256

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


class ServiceAway(Exception):
    """The service cannot be asked about a key."""


class Keys(TokenVerifier):
    """Asks the service about keys, and remembers the answers for a minute."""

    def __init__(
        self, client_of: Callable[[str], AsyncClient], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client_of = client_of
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, AccessToken | None]] = OrderedDict()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0

    def account_of(self, token: str) -> str | None:
        """Return the account of a key that was accepted a moment ago; None for any other text."""
        known = self._known.get(hashlib.sha256(token.encode()).digest())
        found = None if known is None else known[1]
        return None if found is None else found.client_id

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return account and scope of a key; None if it is not valid. Raises ServiceAway."""
        if not _KEY.fullmatch(token):
            return None
        # Of keys that strangers guess only a digest is kept.
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known[0] > self._clock():
            self._known.move_to_end(digest)
            return known[1]
        if self._waiting >= MAX_WAITING:
            raise ServiceAway
        self._waiting += 1
        try:
            async with self._turns:
                found = await self._ask(token)
        finally:
            self._waiting -= 1
        self._known[digest] = (self._clock() + KNOWN_S, found)
        self._known.move_to_end(digest)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return found

    async def _ask(self, token: str) -> AccessToken | None:
        try:
            account = await self._client_of(token).account()
        except (Unauthenticated, Forbidden):
            return None
        except WakecallError as error:
            raise ServiceAway from error
        scope = account.key.scope if account.key else ""
        return AccessToken(token=token, client_id=account.name, scopes=[scope])
