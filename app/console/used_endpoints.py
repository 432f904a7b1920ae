"""Used endpoints: whether the account has Dapr apps or Fusion runners, for the navigation.

Most accounts have none, and their navigation leaves the page out.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

from flask import current_app, g

from app.api.context import current_context
from app.console.forms import SHOWN
from app.service import endpoints

_KEPT_S: Final = 30.0
_MAX_KEPT: Final = 4096
_KNOWN: Final = "wakecall.used_endpoints"


def has_any() -> bool:
    """Return whether the account of this page has endpoints, as of half a minute ago at most.

    While the database is away, none are known: the page of that error has a navigation too.
    """
    account_id: int = getattr(g.get("viewer"), "account_id", 0)
    if not account_id:
        return False
    known: OrderedDict[int, tuple[float, bool]] = current_app.extensions.setdefault(
        _KNOWN, OrderedDict()
    )
    read_at, found = known.get(account_id, (float("-inf"), False))
    if time.monotonic() - read_at < _KEPT_S:
        return found
    try:
        found = endpoints.has_any(current_context(), account_id)
    except SHOWN:
        return False
    known[account_id] = time.monotonic(), found
    if len(known) > _MAX_KEPT:
        known.popitem(last=False)
    return found


def forget() -> None:
    """Read it again on the next page, since an endpoint was just added or removed."""
    known = current_app.extensions.get(_KNOWN)
    if known is not None:
        known.pop(getattr(g.get("viewer"), "account_id", 0), None)
