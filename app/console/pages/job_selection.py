"""Job selection: applies one action to the selected jobs, or to all that a filter selects.

A GET asks and counts; its POST acts on a batch of jobs, and leads to the page of the next batch.
"""

from __future__ import annotations

from collections import Counter
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, flash, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.api.context import current_context
from app.api.parameters import takes
from app.console import csrf, job_query, job_rows
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, Problem, problem_of
from app.console.job_query import JobQuery
from app.console.rendering import page
from app.domain.checks import quoted
from app.domain.role import Role
from app.errors import InvalidMember, NotFound
from app.service import job_selection, jobs
from app.service.job_selection import FIRST, MAX_AT_ONCE, Applied, JobAction

_SEE_OTHER: Final = 303
_TYPE_FROM: Final = 10
"""From this number of jobs on, a deletion asks to type the number."""

_TITLES: Final = 5
"""How many of the selected jobs a page names."""

_ACTIONS: Final = {str(each): each for each in JobAction}
_FILTER: Final = (job_query.SORT, *job_query.FILTERS)
_STATE: Final = ("action", "label", "after", "until", "done", "refused", "total", "why")
_PROOF: Final = "proof"
DONE: Final = {
    JobAction.PAUSE: "paused",
    JobAction.RESUME: "resumed",
    JobAction.FIRE: "called",
    JobAction.TAG: "tagged",
    JobAction.UNTAG: "changed",
    JobAction.DELETE: "deleted",
}
_VERBS: Final = {
    JobAction.PAUSE: "Pause",
    JobAction.RESUME: "Resume",
    JobAction.FIRE: "Call",
    JobAction.TAG: "Tag",
    JobAction.UNTAG: "Remove a tag from",
    JobAction.DELETE: "Delete",
}


@console.get("/jobs/selected")
@needs(Role.MEMBER)
@takes("action", "all", *_FILTER, many=("id", job_query.TAG))
def ask_about_jobs() -> ResponseReturnValue:
    """Ask whether the action is to be done, to how many jobs and to which."""
    return _question(request.args)


@console.post("/jobs/selected")
@needs(Role.MEMBER)
@takes()
def act_on_jobs() -> ResponseReturnValue:
    """Do the action to the selected jobs, or to a first batch of all that match."""
    form = request.form
    try:
        action, ids = _action(form), _ids(form)
        query = job_query.read(form)
        # The number that the page showed is typed: another one where jobs end meanwhile.
        total = len(ids) or _number(form, "number") or _count(query)
        _check_typed(action, total, form.get("typed", ""))
        if not ids:
            _check_for_all(action)
            until = form.get("until") or str(_last())
            return _next_batch(query, action, {"total": str(total), "until": until})
        applied = job_selection.apply(
            current_context(), viewer().caller, action, ids, tag=form.get("label")
        )
    except SHOWN as error:
        return _question(form, problem_of(error))
    flash(_outcome(action, applied.done, len(applied.refused), _why(applied)))
    return redirect(f"{PREFIX}/jobs{query.url()}", _SEE_OTHER)


@console.get("/jobs/selected/progress")
@needs(Role.MEMBER)
@takes(*_STATE, _PROOF, *_FILTER, many=(job_query.TAG,))
def show_progress() -> ResponseReturnValue:
    """Show how many jobs are done, and offer the next batch; a reload changes nothing."""
    query, action = job_query.read(request.args), _action(request.args)
    state = _state(request.args, query)
    done, total = _number(state, "done"), _number(state, "total")
    return page(
        "job_progress.html",
        query=query,
        state=state,
        proof=request.args[_PROOF],
        title=f"{_VERBS[action]} jobs",
        done=done,
        refused=_number(state, "refused"),
        total=max(total, done),
        word=DONE[action],
    )


@console.post("/jobs/selected/progress")
@needs(Role.MEMBER)
@takes()
def continue_action() -> ResponseReturnValue:
    """Do the action to the next batch of jobs."""
    form = request.form
    query = job_query.read(form)
    return _next_batch(query, _action(form), _state(form, query))


def _state(sent: MultiDict[str, str], query: JobQuery) -> dict[str, str]:
    """Return how far the action is, as this console told this session; raises InvalidMember.

    The page goes on by itself: a link that somebody else made would delete jobs when it is opened.
    """
    state = {name: sent[name] for name in _STATE if sent.get(name)}
    pairs = [*state.items(), *query.pairs]
    if not csrf.is_proof(sent.get(_PROOF, ""), viewer().account_id, pairs):
        raise InvalidMember(
            _PROOF,
            "This address is not one that the console gave to your session.",
            remedy="Begin again in the list of jobs.",
        )
    return state


def _next_batch(query: JobQuery, action: JobAction, state: dict[str, str]) -> ResponseReturnValue:
    context, caller = current_context(), viewer().caller
    ids = job_selection.next_batch(
        context,
        caller,
        query.wanted,
        after=_position(state, "after") or FIRST,
        until=_position(state, "until") or FIRST,
    )
    label = request.form.get("label")
    applied = job_selection.apply(context, caller, action, ids, tag=label)
    done = _number(state, "done") + applied.done
    refused = _number(state, "refused") + len(applied.refused)
    why = state.get("why") or _why(applied)
    if len(ids) < MAX_AT_ONCE:
        flash(_outcome(action, done, refused, why))
        if "HX-Request" in request.headers:
            return Response(status=204, headers={"HX-Redirect": to("jobs")})
        return redirect(f"{PREFIX}/jobs", _SEE_OTHER)
    state |= {"action": action, "after": str(ids[-1]), "done": str(done), "refused": str(refused)}
    state |= {"label": label or "", "why": why}
    pairs = [*((name, text) for name, text in state.items() if text), *query.pairs]
    pairs.append((_PROOF, csrf.proof_of(viewer().account_id, pairs)))
    return redirect(f"{PREFIX}/jobs/selected/progress?{urlencode(pairs)}", _SEE_OTHER)


def _question(sent: MultiDict[str, str], problem: Problem | None = None) -> ResponseReturnValue:
    action, ids, query = _action(sent), _ids(sent), job_query.read(sent)
    if not ids:
        _check_for_all(action)
    # Before the count, so that no job is meant that is not in it.
    until = "" if ids else str(_last())
    try:
        matching = _count(query)
    except InvalidMember:
        # There are too many to be counted: only the selected ones are offered.
        if not ids:
            raise
        matching = 0
    number = len(ids) or matching
    return page(
        "job_selected.html",
        title=f"{_VERBS[action]} {number:,} job{'' if number == 1 else 's'}?",
        action=action,
        ids=ids,
        titles=_titles(ids),
        until=until,
        query=query,
        matching=matching,
        most=job_selection.MAX_COUNTED,
        number=number,
        asks_to_type=_asks_to_type(action, number),
        label=sent.get("label", ""),
        problem=problem,
    )


def _count(query: JobQuery) -> int:
    return job_selection.count(current_context(), viewer().caller, query.wanted)


def _last() -> UUID:
    return job_selection.last(current_context(), viewer().caller)


def _titles(ids: list[UUID]) -> list[str]:
    """Return the titles of some selected jobs; raises NotFound if there is none of them.

    Others may have ended since they were selected.
    """
    found: list[str] = []
    for each in ids:
        try:
            job = jobs.get(current_context(), viewer().caller, each)
        except NotFound:
            if each == ids[-1] and not found:
                raise
        else:
            found.append(job_rows.title_of(job.booking))
        if len(found) == _TITLES:
            break
    return found


def _action(sent: MultiDict[str, str]) -> JobAction:
    name = sent.get("action", "")
    if name not in _ACTIONS:
        raise InvalidMember(
            "action",
            f"{quoted(name)} is not an action.",
            remedy=f"Use one of: {', '.join(_ACTIONS)}.",
        )
    return _ACTIONS[name]


def _ids(sent: MultiDict[str, str]) -> list[UUID]:
    """Return the selected jobs; none if the action is meant for all that match."""
    if sent.get("all"):
        return []
    try:
        found = [UUID(each) for each in sent.getlist("id")]
    except ValueError:
        raise NotFound("There is no job with such an id.", member="id") from None
    if len(found) > MAX_AT_ONCE:
        raise InvalidMember(
            "id", f"{len(found)} jobs are selected.", remedy=f"Select at most {MAX_AT_ONCE} jobs."
        )
    return list(dict.fromkeys(found))


def _asks_to_type(action: JobAction, number: int) -> bool:
    return action is JobAction.DELETE and number >= _TYPE_FROM


def _check_for_all(action: JobAction) -> None:
    """Refuse to call all jobs: a batch that is repeated would call its jobs twice."""
    if action is JobAction.FIRE:
        raise InvalidMember(
            "id", "No job is selected.", remedy="Select the jobs to call, a page at a time."
        )


def _check_typed(action: JobAction, number: int, typed: str) -> None:
    if _asks_to_type(action, number) and typed.replace(",", "").strip() != str(number):
        raise InvalidMember(
            "typed",
            f"The number of jobs is {number}, and {quoted(typed)} was typed.",
            remedy="Type the number of jobs to confirm.",
        )


def _position(state: dict[str, str], name: str) -> UUID | None:
    try:
        return UUID(state[name]) if name in state else None
    except ValueError:
        raise InvalidMember(
            name,
            f"{quoted(state[name])} is not a position.",
            remedy="Start again from the list of jobs.",
        ) from None


def _number(state: dict[str, str], name: str) -> int:
    text = state.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0  # noqa: PLR2004 - a billion


def _outcome(action: JobAction, done: int, refused: int, why: str) -> str:
    text = (
        f"{done:,} job{'' if done == 1 else 's'} {'was' if done == 1 else 'were'} {DONE[action]}."
    )
    return f"{text} {refused:,} failed: {why}" if refused else text


def _why(applied: Applied) -> str:
    """Return the most frequent reason, in at most 200 characters."""
    reasons = Counter(str(error) for _, error in applied.refused)
    return " ".join(reasons.most_common(1)[0][0].split())[:200] if reasons else ""
