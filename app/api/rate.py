"""Rate limit: requests per second and account, counted in Redis, in memory while it is away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, cast

from flask import Flask, current_app, g
from flask_limiter import Limiter, RateLimitExceeded

from app.config import Settings
from app.errors import Misconfigured, RateLimited

_EXTENSION: Final = "wakecall-rate"
# A Redis that hangs costs one request this long, then it is asked ever more rarely.
_PATIENCE: Final = {"socket_connect_timeout": 0.1, "socket_timeout": 0.1}


def install(app: Flask, settings: Settings) -> None:
    """Limit the requests of every account of this application, if the settings say so."""
    if settings.limits.requests_per_second is None:
        return
    if not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise Misconfigured(
            f"REDIS_URL is {settings.redis_url!r}: give redis://, rediss:// or unix://."
        )
    limiter = _limiter(app, settings.redis_url)
    per_second = limiter.shared_limit(
        f"{settings.limits.requests_per_second}/second", scope="account"
    )
    app.extensions[_EXTENSION] = per_second(_counted)


def _limiter(app: Flask, redis_url: str) -> Limiter:
    return Limiter(
        _account,
        app=app,
        # The library's own name for what redis-py calls unix://.
        storage_uri=re.sub(r"^unix://", "redis+unix://", redis_url),
        storage_options=cast("dict[str, str | int]", _PATIENCE),
        strategy="fixed-window",
        key_prefix="wakecall",
        in_memory_fallback_enabled=True,
        swallow_errors=True,
    )


def count(account_id: int) -> None:
    """Count one request of the account; raises RateLimited above the limit."""
    counted: Callable[[], None] | None = current_app.extensions.get(_EXTENSION)
    if counted is None:
        return
    g.rate_account = str(account_id)
    try:
        counted()
    except RateLimitExceeded as error:
        raise RateLimited(
            f"This account may send {error.limit.limit.amount} requests a second.",
            remedy="Send the request again after the seconds that Retry-After names.",
        ) from None


def _account() -> str:
    return str(g.rate_account)


def _counted() -> None:
    """What the limiter guards: nothing but the counting itself."""
