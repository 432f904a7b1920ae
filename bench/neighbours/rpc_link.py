"""RPC link: a connection of gRPC on which messages are sent one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import grpc
from grpc import aio

from bench.hostile.links import MAX_REQUESTS, Score
from bench.neighbours.operation import HOST

SERVICE: Final = "/dapr.proto.runtime.v1.Dapr/"
OK: Final = 200
REFUSED: Final = 429
FAILED: Final = 400
"""What RPCs are counted as, where answers over HTTP are counted by status."""

_DEADLINE_S: Final = 30.0
_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)


def connect(port: int) -> aio.Channel:
    """A connection of its own to the gRPC server."""
    return aio.insecure_channel(f"{HOST}:{port}", options=_OPTIONS)


async def call(
    channel: aio.Channel, method: str, message: bytes, metadata: tuple[tuple[str, str], ...]
) -> int:
    """Make one RPC; return OK, REFUSED or FAILED."""
    multicall: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SERVICE + method)
    try:
        await multicall(message, metadata=metadata, timeout=_DEADLINE_S)
    except aio.AioRpcError as error:
        return REFUSED if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else FAILED
    return OK


async def ask(
    port: int,
    method: str,
    messages: Iterator[bytes],
    metadata: tuple[tuple[str, str], ...],
    score: Score,
) -> None:
    """Send one message after the other, each once the one before is answered."""
    async with connect(port) as channel:
        score.opened += 1
        for message in messages:
            if score.sent >= MAX_REQUESTS:
                return
            score.sent += 1
            score.statuses[await call(channel, method, message, metadata)] += 1
