"""Deletions in maintenance: deletes the data of accounts that owners deleted, a bit a turn."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import psycopg

from app.log import logger
from app.store import erasure
from app.uptime import read_uptime

_TURN_S: Final = 5.0
"""How long one turn takes, at most; a step that has begun is finished."""


def go_on(
    connection: psycopg.Connection,
    *,
    has_ended: Callable[[], bool],
    clock: Callable[[], float] = read_uptime,
) -> None:
    """Continue the deletions that have begun."""
    until = clock() + _TURN_S
    # In another order each time: an account with much data fills its turns, and others get theirs.
    begun = erasure.begun(connection)
    random.shuffle(begun)
    for account_id in begun:
        held = False
        for step in erasure.erase(connection, account_id):
            held = held or step.held
            if has_ended() or clock() >= until:
                return
        # A worker may call a run that it holds until its lease ends, unless it learns that the
        # account is suspended. So the account is there until the next turn, when none is held.
        if not held and erasure.end(connection, account_id):
            logger.info("account.deleted", account_id=account_id)
