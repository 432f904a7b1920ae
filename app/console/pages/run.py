"""Run: one run with its steps, its attempts and its request, redelivered or completed by forms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, flash, redirect, request
from werkzeug import Response as BaseResponse

from app.api.context import current_context
from app.api.native.documents import run_cursor
from app.api.parameters import takes
from app.console import payloads, resend, run_path
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, Form, Problem, problem_of, refused
from app.console.rendering import page
from app.domain.completion import MAX_MESSAGE, Completion, Result
from app.domain.role import Role
from app.domain.run import LIVE, Attempt, Run, RunState
from app.domain.run_request import headers_of
from app.errors import InvalidMember, NotFound
from app.service import completions, run_pages, runs
from app.service.run_pages import RunStory

_ATTEMPT: Final = "attempt"
_POLL_S: Final = 3
_SEE_OTHER: Final = 303


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The request of an attempt."""

    headers: tuple[tuple[str, str], ...]
    body: payloads.Shown | None
    resend: str
    """Commands that repeat the call; empty for a call of an endpoint."""
    verify: str
    """Commands that print its signature."""


@console.get("/runs/<uuid:run_id>")
@needs(Role.READER)
@takes(_ATTEMPT)
def run(run_id: UUID) -> Response:
    """Show a run; `attempt` is the number of the attempt that is shown whole."""
    return _show(run_id)


@console.get("/runs/<uuid:run_id>/redeliver")
@needs(Role.MEMBER)
@takes()
def ask_to_redeliver_run(run_id: UUID) -> Response:
    """Ask whether to send a run again."""
    found = runs.get(current_context(), viewer().caller, run_id)
    return _ask_to_redeliver(found)


@console.post("/runs/<uuid:run_id>/redeliver")
@needs(Role.MEMBER)
def redeliver_run(run_id: UUID) -> Response | BaseResponse:
    """Send a run again, under its id."""
    try:
        runs.redeliver(current_context(), viewer().caller, run_id)
    except NotFound:
        raise
    except SHOWN as error:
        found = runs.get(current_context(), viewer().caller, run_id)
        return _ask_to_redeliver(found, problem=_whole(problem_of(error)))
    flash("The run is under way again, with the same webhook-id.")
    return redirect(f"{PREFIX}/runs/{run_id}", _SEE_OTHER)


@console.post("/runs/<uuid:run_id>/complete")
@needs(Role.MEMBER)
def complete_run(run_id: UUID) -> Response | BaseResponse:
    """Record the result of a run that its receiver completes later than its response."""
    values = request.form.to_dict()
    try:
        completions.complete(
            current_context(), run_id, _completion(), account_id=viewer().account_id
        )
    except NotFound:
        raise
    except SHOWN as error:
        form = refused(error, values)
        return _show(run_id, form=replace(form, problem=form.problem and _whole(form.problem)))
    flash(f"The run is completed as {values['status']}.")
    return redirect(f"{PREFIX}/runs/{run_id}", _SEE_OTHER)


def _whole(problem: Problem) -> Problem:
    """Return an error that names no field of the page unless it is about the message."""
    return problem if problem.field == "message" else replace(problem, field="")


def _completion() -> Completion:
    """Return the result in the form; raises InvalidMember."""
    status, message = request.form.get("status", ""), request.form.get("message", "").strip()
    if status not in tuple(Result):
        raise InvalidMember(
            "status", "The status is neither succeeded nor failed.", remedy="Use a button below."
        )
    if len(message) > MAX_MESSAGE or "\0" in message:
        raise InvalidMember(
            "message",
            f"The message has {len(message)} characters, or the character U+0000.",
            remedy=f"Use at most {MAX_MESSAGE} printable characters.",
        )
    return Completion(result=Result(status), message=message or None)


def _ask_to_redeliver(found: Run, problem: Problem | None = None) -> Response:
    return page(
        "confirm.html",
        title="Redeliver this run?",
        url=to(f"runs/{found.id}/redeliver"),
        text=f"The run is now {found.state}. It is called again with the same webhook-id and "
        "content. Its retries start again, and its state becomes the new result.",
        action="Redeliver",
        cancel=to(f"runs/{found.id}"),
        danger=False,
        problem=problem,
    )


def _show(run_id: UUID, form: Form | None = None) -> Response:
    story = run_pages.get_story(current_context(), viewer().caller, run_id)
    found = story.run
    attempt = _chosen(found)
    return page(
        "run.html",
        story=story,
        run=found,
        steps=run_path.steps_of(found),
        attempt=attempt,
        earlier=_earlier(found),
        form=form or Form(),
        is_live=found.state in LIVE,
        may_change=viewer().may(Role.MEMBER),
        may_complete=found.state is RunState.RUNNING,
        reply_body=payloads.shown_reply(attempt.reply) if attempt else None,
        live=_POLL_S if found.state in LIVE else None,
        sent=_sent(story, attempt),
    )


def _chosen(found: Run) -> Attempt | None:
    """Return the attempt that the address names, or else the newest one."""
    text = request.args.get(_ATTEMPT)
    if text is None:
        return found.attempts[-1] if found.attempts else None
    number = run_cursor.read_attempt_number(text)
    with runs.list_attempts(
        current_context(), viewer().caller, found.id, before=number + 1, limit=1
    ) as attempts:
        chosen = next(attempts, None)
    if chosen is None or chosen.number != number:
        raise NotFound(
            f"The run has no attempt {number}.", remedy="Choose one of the list on its page."
        )
    return chosen


def _earlier(found: Run) -> str:
    """Return the address of the newest attempt that the page does not list."""
    if not found.omitted_attempts:
        return ""
    return f"{to(f'runs/{found.id}')}?{urlencode({_ATTEMPT: found.omitted_attempts})}"


def _sent(story: RunStory, attempt: Attempt | None) -> Sent | None:
    """Return the request of an attempt; None if there is no attempt, or its content is not kept."""
    found, content = story.run, story.content
    if content is None or attempt is None:
        return None
    headers = tuple(headers_of(found, content, attempt))
    stamp = str(int(attempt.started_at.timestamp()))
    return Sent(
        headers=headers,
        body=payloads.shown(content.data) if content.data else None,
        # The URL of an endpoint is not part of the job.
        resend=""
        if content.endpoint
        else resend.resend_command(
            str(found.id), content.method, content.url, headers, content.data
        ),
        verify=resend.verify_command(str(found.id), stamp, content.data),
    )
