"""Faults of Valkey: emptied, killed, full, and standing still."""

from __future__ import annotations

import time
from random import Random
from typing import Final

from tests.chaos.deployment import Deployment
from tests.chaos.fault import Fault

_VALKEY: Final = frozenset({"valkey"})


def _restart(made: Deployment, _random: Random, seconds: float) -> None:
    with made.servers.valkey_client() as client:
        client.flushall()
    time.sleep(seconds / 3)
    made.servers.valkey.kill()
    time.sleep(seconds / 3)
    made.servers.start_valkey()
    with made.servers.valkey_client() as client:
        client.flushall()


def _fill(made: Deployment, _random: Random, seconds: float) -> None:
    with made.servers.valkey_client() as client:
        most = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", "1")
        try:
            time.sleep(seconds)
        finally:
            client.config_set("maxmemory", most)


def _pause(made: Deployment, _random: Random, seconds: float) -> None:
    with made.servers.valkey_client() as client:
        client.client_pause(round(seconds * 1000), all=True)
    time.sleep(seconds)


FAULTS: Final = (
    Fault("valkey", "Valkey is flushed, killed, started again and flushed", _restart, _VALKEY),
    Fault("valkey-full", "Valkey has no memory left for a single write", _fill, _VALKEY),
    Fault("valkey-pause", "Valkey accepts commands and answers none", _pause, _VALKEY),
)
