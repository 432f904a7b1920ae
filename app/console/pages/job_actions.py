"""Job actions: calls, pauses, resumes and deletes one job."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import job_rows
from app.console.access import is_own_path, needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, problem_of
from app.console.rendering import page
from app.domain.role import Role
from app.service import jobs, manual_calls, pauses

_SEE_OTHER = 303


@console.post("/jobs/<uuid:job_id>/fire")
@needs(Role.MEMBER)
@takes()
def fire_job(job_id: UUID) -> ResponseReturnValue:
    """Call a job now, and show the run."""
    run_id = manual_calls.call_now(current_context(), viewer().caller, job_id)
    flash(f"The job is being called, in run {run_id}.")
    return redirect(_back(job_id), _SEE_OTHER)


@console.post("/jobs/<uuid:job_id>/pause")
@needs(Role.MEMBER)
@takes()
def pause_job(job_id: UUID) -> ResponseReturnValue:
    """Pause a job."""
    pauses.pause(current_context(), viewer().caller, job_id)
    flash("The job is paused. It is not called until it is resumed.")
    return redirect(_back(job_id), _SEE_OTHER)


@console.post("/jobs/<uuid:job_id>/resume")
@needs(Role.MEMBER)
@takes()
def resume_job(job_id: UUID) -> ResponseReturnValue:
    """Resume a paused job."""
    pauses.resume(current_context(), viewer().caller, job_id)
    flash("The job is resumed.")
    return redirect(_back(job_id), _SEE_OTHER)


@console.get("/jobs/<uuid:job_id>/delete")
@needs(Role.MEMBER)
@takes()
def ask_to_delete_job(job_id: UUID) -> ResponseReturnValue:
    """Ask whether a job is to be deleted."""
    return _question(job_id)


@console.post("/jobs/<uuid:job_id>/delete")
@needs(Role.MEMBER)
@takes()
def delete_job(job_id: UUID) -> ResponseReturnValue:
    """Delete a job, and show the list."""
    try:
        jobs.delete(current_context(), viewer().caller, job_id)
    except SHOWN as error:
        return _question(job_id, error)
    flash("The job is deleted. Its runs stay in the history.")
    return redirect(f"{PREFIX}/jobs", _SEE_OTHER)


def _question(job_id: UUID, error: Exception | None = None) -> ResponseReturnValue:
    job = jobs.get(current_context(), viewer().caller, job_id)
    return page(
        "confirm.html",
        title=f"Delete {job_rows.title_of(job.booking)}?",
        text="The job is no longer called, and its waiting runs are cancelled. "
        "Its runs stay in the history.",
        action="Delete job",
        url=to(f"jobs/{job_id}/delete"),
        cancel=to(f"jobs/{job_id}"),
        problem=None if error is None else problem_of(error),
    )


def _back(job_id: UUID) -> str:
    """Return the page from which the form was sent, or else that of the job."""
    wanted = request.form.get("next", "")
    return wanted if is_own_path(wanted) else f"{PREFIX}/jobs/{job_id}"
