"""Faults of the network: connections cut, delayed and silent, by the proxies.

Half of the processes reach PostgreSQL and Valkey through a proxy, and the calls of one account
their receiver.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Final

from tests.chaos.deployment import Deployment
from tests.chaos.fault import Fault
from tests.chaos.proxy import Proxy

_BETWEEN_S: Final = 1.0
_DELAY_S: Final = 0.3
_NAMES: Final = {
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
    "receiver": "the receiver",
}
_SERVERS: Final[dict[str, Callable[[Deployment], Proxy]]] = {
    "postgres": lambda made: made.database_proxy,
    "valkey": lambda made: made.valkey_proxy,
    "receiver": lambda made: made.receiver_proxy,
}


def _cutting(server: str) -> Fault:
    def inject(made: Deployment, random: Random, seconds: float) -> None:
        proxy = _SERVERS[server](made)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with proxy.cut():
                time.sleep(random.uniform(0, seconds / 2))
            time.sleep(random.uniform(0, _BETWEEN_S))

    return Fault(
        f"cut-{server}",
        f"connections to {_NAMES[server]} are reset, again and again",
        inject,
        frozenset({server}),
        may_repeat=server != "valkey",
    )


def _delaying(server: str) -> Fault:
    def inject(made: Deployment, _random: Random, seconds: float) -> None:
        with _SERVERS[server](made).delayed(_DELAY_S):
            time.sleep(seconds)

    about = f"what is sent to and by {_NAMES[server]} takes {_DELAY_S:g} s longer"
    return Fault(f"delay-{server}", about, inject, frozenset({server}))


def _silencing(server: str) -> Fault:
    def inject(made: Deployment, _random: Random, seconds: float) -> None:
        with _SERVERS[server](made).silent():
            time.sleep(seconds)

    return Fault(
        f"silence-{server}",
        f"connections to {_NAMES[server]} stay open, and nothing passes",
        inject,
        frozenset({server}),
        may_repeat=server != "valkey",
    )


FAULTS: Final = tuple(
    make(server) for server in _SERVERS for make in (_cutting, _delaying, _silencing)
)
