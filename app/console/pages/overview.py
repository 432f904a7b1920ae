"""Overview: the first page: figures, a day of runs, failing jobs, and the next firings."""

from __future__ import annotations

from typing import Final

from flask import Response

from app.api.context import current_context
from app.api.parameters import takes
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.day_chart import STATES, day_chart
from app.console.rendering import page
from app.console.run_elements import hour
from app.domain.role import Role
from app.domain.run import SETTLED, RunState
from app.service import overview as service

_POLL_S: Final = 5


@console.get("/")
@needs(Role.READER)
@takes()
def overview() -> Response:
    """Show the account at a glance."""
    found = service.get_overview(current_context(), viewer().caller)
    return page(
        "overview.html",
        found=found,
        chart=day_chart(found, hour),
        states=STATES,
        runs=found.total(*SETTLED),
        unsuccessful=found.total(RunState.FAILED, RunState.DEAD),
        may_change=viewer().may(Role.MEMBER),
        live=_POLL_S,
    )
