"""Deletions in turns: one account with much data does not keep another from being deleted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, cast

import pytest

from app.store import erasure
from app.store.erasure import Erased
from workers import deletions

_LARGE, _SMALL = 1, 2


def test_a_small_account_is_deleted_beside_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def erase(_connection: Any, account_id: int) -> Iterator[Erased]:
        steps = itertools.repeat(Erased("job", 1))
        return iter(steps) if account_id == _LARGE else itertools.islice(steps, 3)

    def end(_connection: Any, account_id: int) -> bool:
        ended.append(account_id)
        return True

    ended: list[int] = []
    monkeypatch.setattr(erasure, "begun", lambda _: [_LARGE, _SMALL])
    monkeypatch.setattr(erasure, "erase", erase)
    monkeypatch.setattr(erasure, "end", end)
    clock = itertools.count().__next__
    for _ in range(200):
        deletions.go_on(
            cast("Any", None), has_ended=lambda: bool(ended), clock=lambda: float(clock())
        )
    assert ended == [_SMALL]
