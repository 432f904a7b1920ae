"""Redelivery: runs are counted, then sent again a page at a time, with progress in the address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from flask import Response, redirect, request
from werkzeug import Response as BaseResponse

from app.api.context import current_context
from app.api.native.documents import run_filter
from app.api.native.documents.redelivery import UNSUCCESSFUL
from app.api.parameters import takes
from app.console import csrf, page_context, run_query
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, Problem, problem_of
from app.console.rendering import page
from app.console.run_query import IDS, RunQuery
from app.domain import instants
from app.domain.checks import check_between
from app.domain.role import Role
from app.domain.run import SETTLED, Position, Redelivered
from app.domain.run_filter import RunFilter
from app.errors import InvalidMember
from app.service import runs as service

PAGE: Final = 500
"""Runs that one request sends again, so that it takes about half a second."""

MAX_COUNTED: Final = 10_000
"""About as many runs are counted, which takes some 50 ms; then there are so many "or more"."""

_CURSOR: Final = "cursor"
_TOTALS: Final = ("sent", "lost", "of")
_PROOF: Final = "proof"
_MAX_TOTAL: Final = 10**9
_SEE_OTHER: Final = 303


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Which runs are sent again, and how far that is."""

    wanted: RunFilter
    texts: tuple[tuple[str, str], ...]
    """The fields that select them."""
    cursor: str
    """Where to go on; empty at the beginning."""
    totals: tuple[int, int, int]
    """Runs that were sent again, that were lost, and that were counted before."""

    @property
    def after(self) -> Position | None:
        """The position after which to go on."""
        return run_query.position(self.cursor)

    def fields(self, cursor: str, totals: tuple[int, int, int]) -> list[tuple[str, str]]:
        """Return the fields of the request that goes on."""
        counted = [(name, str(number)) for name, number in zip(_TOTALS, totals, strict=True)]
        return [*self.texts, (_CURSOR, cursor), *counted]


@console.get("/runs/redeliver")
@needs(Role.MEMBER)
@takes(*run_query.ONCE, many=(*run_query.MANY, IDS))
def ask_to_redeliver() -> Response:
    """Count the runs that the address selects, and ask whether to send them again."""
    asked = _asked(dict(request.args.lists()))
    counted = service.count_redeliverable(
        current_context(), viewer().caller, asked.wanted, after=None, most=MAX_COUNTED
    )
    # Runs that fail from now on are not meant.
    before = asked.wanted.before or page_context.now()
    fields = [
        *((name, text) for name, text in asked.texts if name != "before"),
        ("before", instants.format_utc(before)),
        ("of", str(counted.count)),
    ]
    return page(
        "redeliver.html",
        counted=counted,
        fields=fields,
        cancel=_list_address(asked),
        body=_body_of_api(asked.wanted),
        is_selection=asked.wanted.ids is not None,
        selected=len(asked.wanted.ids or ()),
    )


@console.post("/runs/redeliver")
@needs(Role.MEMBER)
def redeliver_runs() -> Response | BaseResponse:
    """Send the next page of runs again, and show how far that is."""
    asked = _asked(dict(request.form.lists()))
    try:
        done = service.redeliver_all(
            current_context(),
            viewer().caller,
            asked.wanted,
            after=asked.after,
            most=PAGE,
        )
    except SHOWN as error:
        return _progress(
            asked, asked.cursor, asked.totals, problem=replace(problem_of(error), field="")
        )
    sent, lost, of = asked.totals
    totals = (sent + done.count, lost + done.lost, of)
    fields = asked.fields(_cursor_of(done), totals)
    fields.append((_PROOF, csrf.proof_of(viewer().account_id, fields)))
    return redirect(f"{PREFIX}/runs/redelivery?{urlencode(fields)}", _SEE_OTHER)


@console.get("/runs/redelivery")
@needs(Role.MEMBER)
@takes(*run_query.ONCE, _CURSOR, *_TOTALS, _PROOF, many=(*run_query.MANY, IDS))
def redelivery_progress() -> Response:
    """Show how many runs were sent again, and how to go on.

    It goes on by itself only with an address that this console gave to this session.
    """
    asked = _asked(dict(request.args.lists()))
    return _progress(asked, asked.cursor, asked.totals)


def _progress(
    asked: Asked, cursor: str, totals: tuple[int, int, int], problem: Problem | None = None
) -> Response:
    sent, lost, of = totals
    fields = asked.fields(cursor, totals)
    proof = request.args.get(_PROOF, "")
    return page(
        "redelivery.html",
        continues=problem is None and csrf.is_proof(proof, viewer().account_id, fields),
        sent=sent,
        lost=lost,
        of=max(of, sent),
        is_over=not cursor and problem is None,
        fields=fields,
        back=_list_address(asked),
        problem=problem,
    )


def _asked(args: dict[str, list[str]]) -> Asked:
    """Return what a query or a form asks for; raises InvalidMember."""
    totals = tuple(_total(name, args) for name in _TOTALS)
    cursor = next(iter(args.get(_CURSOR, ())), "")
    run_query.position(cursor)
    selected = args.get(IDS)
    if selected:
        wanted = RunFilter(states=SETTLED, ids=run_query.ids(selected))
        texts = tuple((IDS, str(each)) for each in sorted(wanted.ids or ()))
        if before := next(iter(args.get("before", ())), ""):
            wanted = replace(wanted, before=instants.parse(before, member="before"))
            texts = (*texts, ("before", before))
        return Asked(wanted=wanted, texts=texts, cursor=cursor, totals=totals)  # type: ignore[arg-type] # one for each name
    query = _matching(args)
    return Asked(wanted=query.wanted, texts=query.texts, cursor=cursor, totals=totals)  # type: ignore[arg-type] # as above


def _matching(args: dict[str, list[str]]) -> RunQuery:
    """Return the filters, of whose states only those of unsuccessful runs are meant."""
    query = run_query.parse(args, zone=page_context.zone(), now=viewer().caller.now)
    states = query.wanted.states & frozenset(UNSUCCESSFUL)
    if not states:
        raise InvalidMember(
            run_filter.STATE,
            "None of the states of these filters is failed or dead.",
            remedy="Choose failed or dead runs, or select runs in the list one by one.",
        )
    # In UTC: the zone of the pages may be another one when the next step is asked for.
    bounds = (("after", query.wanted.after), ("before", query.wanted.before))
    replaced = {run_filter.STATE, run_query.WITHIN, *(name for name, _ in bounds)}
    texts = [pair for pair in query.texts if pair[0] not in replaced]
    texts += [(run_filter.STATE, str(each)) for each in sorted(states)]
    texts += [(name, instants.format_utc(each)) for name, each in bounds if each is not None]
    return RunQuery(wanted=replace(query.wanted, states=states), texts=tuple(texts))


def _total(name: str, args: dict[str, list[str]]) -> int:
    text = next(iter(args.get(name, ())), "0")
    if not (text.isascii() and text.isdigit() and len(text) < len(str(_MAX_TOTAL))):
        raise InvalidMember(
            name, f"{name} is not a number.", remedy="Start again from the list of runs."
        )
    check_between(name, int(text), 0, _MAX_TOTAL)
    return int(text)


def _cursor_of(done: Redelivered) -> str:
    return "" if done.more_after is None else run_query.cursor(done.more_after)


def _list_address(asked: Asked) -> str:
    texts = [pair for pair in asked.texts if pair[0] != IDS]
    return f"{to('runs')}?{urlencode(texts)}" if texts else to("runs")


def _body_of_api(wanted: RunFilter) -> dict[str, object] | None:
    """Return the document of the API that does the same; None for a selection."""
    if wanted.ids is not None:
        return None
    body: dict[str, object] = {"state": sorted(wanted.states)}
    for name, value in (("job", wanted.job_id), ("host", wanted.host)):
        if value is not None:
            body[name] = str(value)
    for name, instant in (("after", wanted.after), ("before", wanted.before)):
        if instant is not None:
            body[name] = instants.format_utc(instant)
    for name, chosen in (
        (run_filter.KIND, wanted.kinds),
        (run_filter.LAST_STATUS, wanted.last_status),
    ):
        if chosen is not None:
            body[name] = sorted(chosen)
    if wanted.min_lateness_ms is not None:
        body[run_filter.MIN_LATENESS] = wanted.min_lateness_ms
    return {**body, "dryRun": True}
