"""Fault: one thing that goes wrong for a while, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.chaos.deployment import Deployment


def _never(_made: Deployment) -> str:
    return ""


class Fault(NamedTuple):
    """What is done to a deployment for some seconds; it is over when `inject` returns.

    `touches` names what it is done to: two faults that touch the same are never injected at once.
    `may_repeat` tells whether any call that is made while it lasts may be made again, because it
    takes the database of a worker away, or loses what a receiver has answered. Faults that end or
    stop a worker have the deployment note when (`lose`) instead.

    `left_out` returns why it cannot be injected on this machine; an empty text where it can.
    """

    name: str
    about: str
    inject: Callable[[Deployment, Random, float], None]
    touches: frozenset[str]
    may_repeat: bool = False
    left_out: Callable[[Deployment], str] = _never
