"""Job form: books a new job, or changes one, with its document and its firings beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.native.documents import job as job_document
from app.api.parameters import takes
from app.console import (
    booked_once,
    booking_form,
    curl_import,
    elements,
    job_rows,
    page_context,
    schedule_preview,
    snippets,
)
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.console.schedule_preview import SchedulePreview
from app.domain import crontab
from app.domain.job import Booking, Job, ReadOnlyMembers
from app.domain.one_time import At
from app.domain.retry_policy import RetryPolicy
from app.domain.role import Role
from app.errors import Conflict, InvalidMember, Refused
from app.service import foreign_jobs, inboxes, jobs

_SEE_OTHER: Final = 303
_SOON: Final = timedelta(seconds=1)
_TEST_TAG: Final = "test-call"
_MORNING: Final = 9
_ONCE: Final = RetryPolicy(max_attempts=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The preview and the document beside the form."""

    schedule: SchedulePreview
    document: str
    """The document that the form stands for; empty where none can express it."""
    job: str
    """The id of the job that the document replaces; empty for a new job."""
    snippets: Mapping[str, str]
    """What books the document, by the names of languages and tools."""


@console.get("/jobs/new")
@needs(Role.MEMBER)
@takes("from", "cron", "timezone", "url")
def new_job() -> ResponseReturnValue:
    """Show the form: with the fields that the link gives, or with the members of another job."""
    source = request.args.get("from")
    if not source:
        given = {name: text for name, text in request.args.items() if name != "from"}
        how = booking_form.CRON if given.get("cron") else booking_form.AT
        return _page(Form(values={**_blank(), **given, "how": how}))
    try:
        job_id = UUID(source)
    except ValueError:
        raise InvalidMember("from", "from is not an id.", remedy="Give the id of a job.") from None
    found = _native(job_id)
    values = booking_form.values_of(job_document.from_job(found))
    # The name is unique, and the time of a job that fires once may have passed.
    values["name"] = ""
    return _page(Form(values=values))


@console.post("/jobs/new")
@needs(Role.MEMBER)
@takes()
def create_job() -> ResponseReturnValue:
    """Book the job, check it, or call it once for a test: as the button says."""
    values = booking_form.normalized(request.form)
    todo = request.form.get("do", "book")
    context, caller = current_context(), viewer().caller
    try:
        booking = _booking(values)
        if todo == "test":
            test = jobs.create(context, caller, _test_of(booking, caller.now))
            return _page(Form(values=values), test=test)
        if todo == "check":
            jobs.create(context, caller, booking, dry_run=True)
            return _page(Form(values=values), checked=True)
        key = request.form.get(booked_once.FIELD, "")
        made = booked_once.book(caller, booking, values, key)
    except SHOWN as error:
        return _page(refused(error, values, booking_form.MEMBERS))
    flash(f"The job {job_rows.title_of(booking)} is booked.")
    return redirect(f"{PREFIX}/jobs/{made}", _SEE_OTHER)


@console.post("/jobs/new/paste")
@needs(Role.MEMBER)
@takes()
def paste_job() -> ResponseReturnValue:
    """Fill the form from a pasted curl command or crontab line; nothing is booked."""
    text = request.form.get("paste", "")
    try:
        values, notes = _pasted(text)
    except InvalidMember as error:
        form = refused(error, {**_blank(), "paste": text}, {"cron": curl_import.MEMBER})
        return _page(form)
    return _page(Form(values={**_blank(), **values}), notes=notes)


@console.post("/jobs/new/shown")
@needs(Role.MEMBER, beside_form=True)
@takes()
def show_beside_form() -> ResponseReturnValue:
    """Return the firings and the document of the form, which the page shows while it is edited."""
    values = booking_form.normalized(request.form)
    return page("job_form_shown.html", beside=_beside(values, _job_in(request.form.get("job", ""))))


@console.get("/jobs/<uuid:job_id>/edit")
@needs(Role.MEMBER)
@takes()
def edit_job(job_id: UUID) -> ResponseReturnValue:
    """Show the form with the members of a job; a job of another dialect is refused."""
    found = _native(job_id)
    values = booking_form.values_of(job_document.from_job(found))
    return _page(Form(values={**values, "version": str(found.version)}), job=found)


@console.post("/jobs/<uuid:job_id>/edit")
@needs(Role.MEMBER)
@takes()
def update_job(job_id: UUID) -> ResponseReturnValue:
    """Replace the job as the form says, unless it was changed since the form was opened."""
    values = booking_form.normalized(request.form)
    context, caller = current_context(), viewer().caller
    todo, found = request.form.get("do", "book"), _native(job_id)
    try:
        if values["version"] != str(found.version):
            raise jobs.changed(found)
        booking = _booking(values)
        if todo == "test":
            test = jobs.create(context, caller, _test_of(booking, caller.now))
            return _page(Form(values=values), job=found, test=test)
        if todo == "check":
            # The name is the job's own.
            jobs.create(context, caller, replace(booking, name=None), dry_run=True)
            return _page(Form(values=values), job=found, checked=True)
        # Another request may have changed the job since it was found.
        jobs.update(context, caller, job_id, booking, ReadOnlyMembers(), version=found.version)
    except SHOWN as error:
        # A second click on Save finds the job as it asks for.
        if todo != "book" or not isinstance(error, Conflict) or not _is_saved(job_id, values):
            return _page(refused(error, values, booking_form.MEMBERS), job=found)
    flash("The job is changed.")
    return redirect(f"{PREFIX}/jobs/{job_id}", _SEE_OTHER)


def _is_saved(job_id: UUID, values: dict[str, str]) -> bool:
    """Whether the job is what the form asks for. Raises NotFound."""
    try:
        return _native(job_id).booking == _booking(values)
    except InvalidMember:
        return False


def _page(
    form: Form,
    *,
    job: Job | None = None,
    notes: tuple[str, ...] = (),
    checked: bool = False,
    test: Job | None = None,
) -> ResponseReturnValue:
    context = current_context()
    return page(
        "job_form.html",
        form=form,
        job=job,
        key=booked_once.new_key(),
        beside=_beside(form.values, "" if job is None else str(job.id)),
        notes=notes,
        checked=checked,
        test=test,
        inboxes=[
            (inboxes.url_of(context, each), each.label)
            for each in inboxes.list_inboxes(context, viewer().account)
        ],
    )


def _beside(values: Any, job: str) -> Shown:  # noqa: ANN401 - a mapping of texts
    schedule = schedule_preview.preview(booking_form.schedule(values))
    try:
        members = booking_form.members(values)
    except Refused:
        return Shown(schedule=schedule, document="", job=job, snippets={})
    code = snippets.all_of(elements.base_url(), viewer().account_name, members)
    return Shown(schedule=schedule, document=booking_form.text(members), job=job, snippets=code)


def _job_in(written: str) -> str:
    """Return the id of the job whose form this is; empty for a new job's form."""
    try:
        return str(UUID(written))
    except ValueError:
        return ""


def _booking(values: dict[str, str]) -> Booking:
    return job_document.to_booking(booking_form.read(booking_form.members(values)))


def _test_of(booking: Booking, now: datetime) -> Booking:
    """Return a one-time job that makes the call of another job immediately."""
    options = replace(booking.call_options, retry=_ONCE)
    return replace(
        booking,
        trigger=At(instant=now + _SOON),
        name=None,
        tags=(_TEST_TAG,),
        enabled=True,
        call_options=options,
        on_success=None,
        on_failure=None,
    )


def _native(job_id: UUID) -> Job:
    """Return a job that can be edited; raises NotFound, and Conflict for another dialect's."""
    found = jobs.get(current_context(), viewer().caller, job_id)
    foreign_jobs.refuse_foreign(found)
    return found


def _blank() -> dict[str, str]:
    """Return the fields of a new job: tomorrow morning on the person's clock."""
    zone = viewer().zone
    tomorrow = page_context.now().astimezone(page_context.zone()) + timedelta(days=1)
    return {
        "how": booking_form.AT,
        "when": f"{tomorrow:%Y-%m-%d}T{_MORNING:02d}:00",
        "timezone": zone,
        "method": "POST",
        "retry": booking_form.STANDARD,
    }


def _pasted(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the fields that a pasted text fills, and notes about it. Raises InvalidMember."""
    if curl_import.is_command(text):
        found = curl_import.read(text)
        return found.values, found.notes
    if len(text) > curl_import.MAX_PASTE:
        raise InvalidMember(
            curl_import.MEMBER,
            f"The text has {len(text)} characters.",
            remedy=f"Paste at most {curl_import.MAX_PASTE} characters.",
        )
    schedule, command = crontab.split(text)
    crontab.parse(schedule)
    values = {"how": booking_form.CRON, "cron": schedule}
    notes: tuple[str, ...] = ("Choose the time zone of the machine with the crontab.",)
    if curl_import.is_command(command):
        found = curl_import.read(command)
        return {**found.values, **values}, (*notes, *found.notes)
    if command:
        notes += ("The command is ignored: a job calls a URL.",)
    return values, notes
