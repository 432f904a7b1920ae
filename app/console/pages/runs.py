"""Runs: the list of an account's runs, filtered, a page at a time."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api.context import current_context
from app.api.native.documents import run_filter
from app.api.parameters import takes
from app.console import page_context, run_query
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.elements import to
from app.console.rendering import page
from app.console.run_query import NEWER, OLDER, RunQuery
from app.console.run_text import LATE_MS
from app.domain.role import Role
from app.domain.run import LIVE, RunKind, RunState
from app.domain.run_filter import StatusClass
from app.domain.run_summary import RunPage
from app.errors import InvalidMember
from app.service import run_pages

_POLL_S: Final = 3
_STATES: Final = (
    ("All", frozenset[RunState]()),
    ("Under way", LIVE),
    ("Succeeded", frozenset({RunState.SUCCEEDED})),
    ("Failed or dead", frozenset({RunState.FAILED, RunState.DEAD})),
    ("Cancelled", frozenset({RunState.CANCELLED})),
)
_LATE: Final = f"{LATE_MS:.0f}"


@console.get("/runs")
@needs(Role.READER)
@takes(*run_query.ONCE, OLDER, NEWER, many=run_query.MANY)
def list_runs() -> Response:
    """Show a page of the runs that the address selects, newest first."""
    query = parse_query()
    older, newer = request.args.get(OLDER), request.args.get(NEWER)
    if older and newer:
        raise InvalidMember(NEWER, "older and newer are both given.", remedy="Give one of the two.")
    found = run_pages.list_page(
        current_context(),
        viewer().caller,
        query.wanted,
        after=run_query.position(newer or older),
        towards_newer=bool(newer),
    )
    return page(
        "runs.html",
        found=found,
        query=query,
        chips=_chips(query),
        is_late_only=query.values(run_filter.MIN_LATENESS) == [_LATE],
        late_address=_address(query, **{run_filter.MIN_LATENESS: _LATE}),
        on_time_address=_address(query, **{run_filter.MIN_LATENESS: ""}),
        redeliver_address=f"{to('runs/redeliver')}?{query.address()}",
        states=tuple(RunState),
        kinds=tuple(RunKind),
        classes=tuple(StatusClass),
        after_text=run_query.local_text(
            query.wanted.after if query.value("after") else None, page_context.zone()
        ),
        before_text=run_query.local_text(query.wanted.before, page_context.zone()),
        live=_POLL_S if found.newer is None else None,
        may_change=viewer().may(Role.MEMBER),
        neighbours=_neighbours(query, found),
    )


def parse_query() -> RunQuery:
    """Return the filters of this address; raises InvalidMember."""
    args = dict(request.args.lists())
    return run_query.parse(args, zone=page_context.zone(), now=viewer().caller.now)


def _neighbours(query: RunQuery, found: RunPage) -> dict[str, str]:
    newer, older = found.newer, found.older
    return {
        "newer": _address(query, **{NEWER: run_query.cursor(newer)}) if newer else "",
        "older": _address(query, **{OLDER: run_query.cursor(older)}) if older else "",
    }


def _chips(query: RunQuery) -> list[tuple[str, str, bool]]:
    """Return the groups of states: name, address, and whether it is the chosen one."""
    chosen = frozenset(query.values(run_filter.STATE))
    return [
        (name, _address(query, state=",".join(sorted(states))), chosen == states)
        for name, states in _STATES
    ]


def _address(query: RunQuery, **other: str) -> str:
    text = query.address(**other)
    return f"{to('runs')}?{text}" if text else to("runs")
