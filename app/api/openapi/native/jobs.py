"""Operations of jobs: book, show, replace and delete them, by id, by name and by address."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.api import negotiation
from app.api.native.routes import paging, responses
from app.api.native.routes.jobs_by_name import OUTCOME
from app.api.openapi.native import examples as ex
from app.api.openapi.native import parameters as params
from app.api.openapi.native.content import documents, ids_to_xml, job_to_xml, jobs_to_xml, text
from app.api.openapi.operations import Answer, Body, Content, Example, Operation, Parameter, Tag
from app.api.openapi.schemas import TEXT, one_of, ref
from app.api.scopes import DRY_RUN
from app.domain.call_options import MAX_LABEL
from app.domain.job import MAX_DATA, MAX_NAME
from app.domain.job_filter import JobSort
from app.domain.target import MAX_URL
from app.errors import Conflict, LimitReached, NotFound, TooLarge

TAG: Final = Tag(name="jobs", about="Book callbacks, and look at them, change and end them.")

_ID_PATTERN: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TZDATA: Final = f"{responses.TZDATA}?"
_ONE: Final = {"id": params.JOB_ID}
_NAME: Final = {
    "name": params.name_in_path(
        "The name of a job, percent-encoded; an unescaped slash belongs to it too.",
        "invoices",
        minLength=1,
        maxLength=MAX_NAME,
    )
}
_JOB_SENT: Final = Body(
    content=documents("NewJob", job_to_xml, once=ex.ONCE, recurring=ex.CRON),
)
_DECLARED: Final = Body(content=documents("NewJob", job_to_xml, declared=ex.DECLARED))
_IDS: Final = f"^(?:{_ID_PATTERN}(?:,{_ID_PATTERN})*)?$"
_WHOLE: Final = documents("Job", job_to_xml, once=ex.ONCE_ANSWERED, recurring=ex.CRON_ANSWERED)
_ID_TEXT: Final = text(f"^{_ID_PATTERN}$", ex.JOB_ID, "The id of the job.")
_SHOWN: Final = Answer(status=200, about="The job.", content=_WHOLE, headers=(_TZDATA,))
_SHOWN_OR_ID: Final = Answer(
    status=200,
    about="The job; as text its id.",
    content={**_ID_TEXT, **_WHOLE},
    headers=(_TZDATA,),
)
_BOOKED: Final = Answer(
    status=201,
    about="The job is booked.",
    content={**_ID_TEXT, **_WHOLE},
    headers=("Location", _TZDATA),
)
_CHECKED: Final = Answer(
    status=200,
    about="Of a dry run: the job as it would be booked, without its id; as text nothing.",
    content={
        **documents("Job", job_to_xml, unstored=ex.UNSTORED),
        negotiation.TEXT: Content(schema={"type": "string", "maxLength": 0}),
    },
    headers=(_TZDATA,),
)
_GONE: Final = Answer(status=204, about="The job is deleted.")
_LINK: Final = "Link?"

_LIST: Final = Operation(
    endpoint="native.list_jobs",
    method="GET",
    path="/1/jobs",
    id="jobs.list",
    tag=TAG.name,
    summary="List jobs",
    about="Without parameters, the ids of all jobs, the oldest first. With `limit` or `cursor` in "
    "pages, and with `view=full` whole jobs, always in pages. All parameters but `view`, `tag`, "
    "`limit` and `cursor` need `view=full`.",
    parameters={
        "view": Parameter(
            schema={**one_of(("ids", "full")), "default": "ids"},
            about="`ids`: the ids of jobs; `full`: whole jobs.",
        ),
        "sort": Parameter(
            schema={**one_of(JobSort), "default": str(JobSort.NEWEST)},
            about="The order of whole jobs. Jobs without a next firing, or without a name, are not "
            "listed in that order.",
        ),
        **params.OF_WHOLE_JOBS,
        paging.LIMIT: params.limit(None),
        paging.CURSOR: params.CURSOR,
    },
    answers=(
        Answer(
            status=200,
            about="The ids, or the jobs with `view=full`.",
            content={
                **text(_IDS, f"{ex.OTHER_JOB_ID},{ex.JOB_ID}", "The ids, joined by commas."),
                **documents(
                    {"anyOf": [ref("JobIds"), ref("Jobs")]},
                    lambda value: (
                        ids_to_xml(value) if isinstance(value[0], str) else jobs_to_xml(value)
                    ),
                    ids=[ex.OTHER_JOB_ID, ex.JOB_ID],
                    full=[ex.CRON_ANSWERED],
                ),
            },
            headers=(_LINK, _TZDATA),
        ),
    ),
)

_BOOK: Final = Operation(
    endpoint="native.create_job",
    method="POST",
    path="/1/jobs",
    id="jobs.book",
    tag=TAG.name,
    summary="Book a job",
    about="A one-time job has `when`, a recurring one `cron`.",
    parameters={DRY_RUN: params.DRY_RUN},
    body=_JOB_SENT,
    answers=(_BOOKED, _CHECKED),
    problems=(Conflict, LimitReached),
)

_BOOK_MANY: Final = Operation(
    endpoint="native.create_jobs",
    method="POST",
    path="/1/jobs/bulk",
    id="jobs.book_many",
    tag=TAG.name,
    summary="Book many jobs at once",
    about="All of them are booked, or none. A refusal names the first job that is wrong: "
    "`[17].url`.",
    parameters={DRY_RUN: params.DRY_RUN},
    body=Body(content=documents("NewJobs", jobs_to_xml, two=[ex.ONCE, ex.DECLARED])),
    answers=(
        Answer(
            status=201,
            about="The jobs are booked; they are answered in the order of the request.",
            content={
                **text(_IDS, f"{ex.OTHER_JOB_ID},{ex.JOB_ID}", "Their ids, joined by commas."),
                **documents("Jobs", jobs_to_xml, two=[ex.ONCE_ANSWERED, ex.CRON_ANSWERED]),
            },
            headers=(_TZDATA,),
        ),
        Answer(
            status=200,
            about="Of a dry run: the jobs as they would be booked; as text nothing.",
            content={
                **documents("Jobs", jobs_to_xml, unstored=[ex.UNSTORED]),
                negotiation.TEXT: Content(schema={"type": "string", "maxLength": 0}),
            },
            headers=(_TZDATA,),
        ),
    ),
    problems=(Conflict, LimitReached),
)

_BOOK_BY_ADDRESS: Final = Operation(
    endpoint="native.create_job_by_path",
    method="POST",
    path="/1/jobs/{schedule}/{callback}",
    id="jobs.book_by_address",
    tag=TAG.name,
    summary="Book a job by its address",
    about="Both parts of the path are percent-encoded. The body, of any media type, is the "
    "payload; with a body, its `Content-Type` and `X-Content-Signature` become members of the job.",
    parameters={
        "schedule": params.name_in_path(
            "An instant, or a cron expression, in which `+` is a space. It is not the id of a job, "
            "nor `by-name`.",
            "0+15+10+?+*+*",
        ),
        "callback": params.name_in_path(
            "The URL to call: a `?` within it is written `%3F`.",
            "https://example.com/wake?a=1",
            maxLength=MAX_URL,
        ),
        DRY_RUN: params.DRY_RUN,
    },
    headers={
        "X-Content-Signature": Parameter(
            schema={**TEXT, "maxLength": MAX_LABEL},
            about="Becomes the `signature` of the job, if there is a body.",
        )
    },
    body=Body(
        content={
            "*/*": Content(
                schema={},
                examples={"text": Example(value="testing")},
            )
        },
        required=False,
        about=f"The payload: at most {MAX_DATA} bytes.",
    ),
    answers=(_BOOKED, _CHECKED),
    problems=(Conflict, LimitReached),
)

_GET: Final = Operation(
    endpoint="native.get_job",
    method="GET",
    path="/1/jobs/{id}",
    id="jobs.get",
    tag=TAG.name,
    summary="Show a job",
    parameters=_ONE,
    answers=(_SHOWN,),
    problems=(NotFound, TooLarge),
)

_REPLACE: Final = Operation(
    endpoint="native.update_job",
    method="PUT",
    path="/1/jobs/{id}",
    id="jobs.replace",
    tag=TAG.name,
    summary="Replace a job",
    about="The job gets a new version. Its `id`, `account` and `next` are left out of the "
    "document, or are those of the job.",
    parameters=_ONE,
    body=_JOB_SENT,
    answers=(_SHOWN_OR_ID,),
    problems=(NotFound, Conflict, LimitReached),
)

_DELETE: Final = Operation(
    endpoint="native.delete_job",
    method="DELETE",
    path="/1/jobs/{id}",
    id="jobs.delete",
    tag=TAG.name,
    summary="Delete a job",
    about="No call of the job begins later than 100 ms after the response.",
    parameters=_ONE,
    answers=(_GONE,),
    problems=(NotFound,),
)

_PAUSE: Final = Operation(
    endpoint="native.pause_job",
    method="POST",
    path="/1/jobs/{id}/pause",
    id="jobs.pause",
    tag=TAG.name,
    summary="Pause a job",
    about="All its future calls are withdrawn, retries included, until it is resumed.",
    parameters=_ONE,
    answers=(_SHOWN,),
    problems=(NotFound, Conflict),
)

_RESUME: Final = Operation(
    endpoint="native.resume_job",
    method="POST",
    path="/1/jobs/{id}/resume",
    id="jobs.resume",
    tag=TAG.name,
    summary="Resume a paused job",
    about="The `misfire` of the job decides which of the firings during the pause are made now.",
    parameters=_ONE,
    answers=(_SHOWN,),
    problems=(NotFound, Conflict),
)

_GET_BY_NAME: Final = Operation(
    endpoint="native.get_job_by_name",
    method="GET",
    path="/1/jobs/by-name/{name}",
    id="jobs.by_name",
    tag=TAG.name,
    summary="Show the job of a name",
    parameters=_NAME,
    answers=(_SHOWN,),
    problems=(NotFound, TooLarge),
)

_PUT_BY_NAME: Final = Operation(
    endpoint="native.put_job_by_name",
    method="PUT",
    path="/1/jobs/by-name/{name}",
    id="jobs.put",
    tag=TAG.name,
    summary="Create or replace the job of a name",
    about="A job that already equals the document is left as it is, so that a client may send its "
    "documents as often as it likes.",
    parameters={**_NAME, DRY_RUN: params.DRY_RUN},
    body=_DECLARED,
    answers=(
        replace(_BOOKED, headers=(OUTCOME, *_BOOKED.headers)),
        Answer(
            status=200,
            about="The job, replaced or left as it is; as text its id. Of a dry run, the job as it "
            "would be: without its id, and as text nothing, if it would be created.",
            content={
                **text(f"^(?:{_ID_PATTERN})?$", ex.JOB_ID, "The id of the job."),
                **documents(
                    "Job",
                    job_to_xml,
                    once=ex.ONCE_ANSWERED,
                    recurring=ex.CRON_ANSWERED,
                    unstored=ex.UNSTORED,
                ),
            },
            headers=(OUTCOME, _TZDATA),
        ),
    ),
    problems=(Conflict, LimitReached),
)

_DELETE_BY_NAME: Final = Operation(
    endpoint="native.delete_job_by_name",
    method="DELETE",
    path="/1/jobs/by-name/{name}",
    id="jobs.delete_by_name",
    tag=TAG.name,
    summary="Delete the job of a name",
    parameters=_NAME,
    answers=(_GONE,),
    problems=(NotFound, Conflict),
)

OPERATIONS: Final = (
    _BOOK,
    _BOOK_MANY,
    _BOOK_BY_ADDRESS,
    _LIST,
    _GET,
    _REPLACE,
    _DELETE,
    _PAUSE,
    _RESUME,
    _GET_BY_NAME,
    _PUT_BY_NAME,
    _DELETE_BY_NAME,
)
