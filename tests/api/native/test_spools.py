"""The spool of long lists: how many an account may leave unread."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from app.api import negotiation
from app.api.native.documents.job_list import LAYOUTS
from app.api.native.routes import spool
from app.errors import RateLimited, Unavailable

COUNT = 40_000


def spooled(account: int) -> spool.Spool:
    ids = (UUID(int=number) for number in range(COUNT))
    return spool.spool(LAYOUTS[negotiation.TEXT], COUNT, ids, account, folder=None)


def test_an_account_may_leave_half_of_all_unread() -> None:
    unread = [spooled(1) for _ in range(spool.MAX_UNREAD // 2)]
    with pytest.raises(RateLimited, match="not been read to the end"):
        spooled(1)
    unread.append(spooled(2))
    unread[0].close()
    unread[0].close()
    unread.append(spooled(1))
    for each in unread:
        each.close()
    spooled(1).close()


def test_an_account_makes_one_at_a_time() -> None:
    def ids() -> Iterator[UUID]:
        with pytest.raises(Unavailable):
            spooled(1)
        spooled(2).close()
        yield from (UUID(int=number) for number in range(COUNT))

    layout = LAYOUTS[negotiation.TEXT]
    spool.spool(layout, COUNT, ids(), 1, folder=None).close()
    spooled(1).close()


def test_a_list_that_fails_gives_its_place_back() -> None:
    layout = LAYOUTS[negotiation.TEXT]
    for _ in range(spool.MAX_UNREAD):
        with pytest.raises(ValueError, match="badly formed"):
            spool.spool(layout, COUNT, (UUID(text) for text in ["x"]), 1, folder=None)
    spooled(1).close()
