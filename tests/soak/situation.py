"""Situation: one thing that operators live through."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.soak.deployment import Deployment


class Situation(NamedTuple):
    """What is played while the load goes on, in as many seconds as the ground gives it.

    `may_repeat` tells whether it kills or stops a process, or a server, in a way that may cost a
    second call of the same run, `leaps` whether it begins with a clock that is set forward.
    """

    name: str
    about: str
    play: Callable[[Deployment], None]
    may_repeat: bool = False
    leaps: bool = False
