"""Failures: how many runs failed since a person last looked, for the title and icon of a tab."""

from __future__ import annotations

from typing import Final

from flask import Response, jsonify, request

from app.api.context import current_context
from app.api.parameters import takes
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.domain import instants
from app.domain.role import Role
from app.service import attention

_SINCE: Final = "since"


@console.get("/failures")
@needs(Role.READER)
@takes(_SINCE)
def count_failures() -> Response:
    """Return the number of runs that failed or died since an instant, and the most that is counted.

    Hidden tabs ask, too: the answer is shared by all tabs of an account.
    """
    since = instants.parse(request.args.get(_SINCE, ""), member=_SINCE)
    count = attention.count_failures(current_context(), viewer().caller, since)
    response = jsonify(failed=count, most=attention.MAX_COUNTED)
    response.headers["Cache-Control"] = "no-store"
    return response
