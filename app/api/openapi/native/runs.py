"""Operations of runs: list, count and show them, send them again, complete them; what is next."""

from __future__ import annotations

from typing import Final

from app.api.native.documents import run_filter
from app.api.native.documents.completion import COMPLETION
from app.api.native.documents.redelivery import REDELIVERY
from app.api.native.routes import paging
from app.api.native.routes.runs import VIEW, VIEWS
from app.api.openapi.native import examples as ex
from app.api.openapi.native import parameters as params
from app.api.openapi.native.content import documents, under
from app.api.openapi.operations import Answer, Body, Operation, Parameter, Tag
from app.api.openapi.schemas import NUMBER, UUID, one_of
from app.domain.run import RunKind, RunState
from app.domain.run_counts import BUCKETS
from app.domain.run_filter import MAX_LATENESS_MS, StatusClass
from app.errors import Conflict, LimitReached, NotFound

TAG: Final = Tag(name="runs", about="What became of each firing, and sending it again.")
COMPLETION_TOKEN: Final = "completionToken"  # noqa: S105 - a name
"""The security scheme of the token of a call."""

UPCOMING_TAG: Final = Tag(name="upcoming", about="What the jobs of the account do next.")

_ONE: Final = {"id": params.RUN_ID}
_LINK: Final = "Link?"
_PAGE: Final = {
    paging.LIMIT: params.limit(paging.DEFAULT_LIMIT),
    paging.CURSOR: params.CURSOR,
}
_VIEW: Final = {
    VIEW: Parameter(
        schema={**one_of(VIEWS), "default": "full"},
        about="`brief` lists each run with its first and its newest attempt only, without the "
        "headers and the body of a response: all that a table of runs shows.",
    )
}
_FILTER: Final = {
    run_filter.STATE: params.several(RunState, "Runs in one of these states."),
    run_filter.KIND: params.several(RunKind, "Runs of one of these kinds."),
    run_filter.LAST_STATUS: params.several(
        StatusClass, "Runs whose newest attempt got one of these."
    ),
    "job": Parameter(schema=UUID, about="Runs of this job, which may have ended."),
    "after": params.instant("Runs that were due at this instant or later."),
    "before": params.instant("Runs that were due before this instant."),
    "host": params.HOST,
    run_filter.MIN_LATENESS: Parameter(
        schema={**NUMBER, "minimum": 0, "maximum": MAX_LATENESS_MS},
        about="Runs whose first attempt began at least so many milliseconds late.",
    ),
}
_RUNS: Final = Answer(
    status=200,
    about="A page of runs.",
    content=documents("Runs", under("runs"), one=[ex.RUN]),
    headers=(_LINK,),
)
_ACCEPTED: Final = Answer(
    status=202,
    about="The run is under way.",
    content=documents("Run", under("run"), begun=ex.BEGUN),
    headers=("Location",),
)

_LIST: Final = Operation(
    endpoint="native.list_runs",
    method="GET",
    path="/1/runs",
    id="runs.list",
    tag=TAG.name,
    summary="List runs",
    about="Runs under way and runs that are over, by due time, the newest first. A run is listed "
    "if it matches all parameters.",
    parameters={**_FILTER, **_VIEW, **_PAGE},
    answers=(_RUNS,),
)
_OF_JOB: Final = Operation(
    endpoint="native.list_runs_of_job",
    method="GET",
    path="/1/jobs/{id}/runs",
    id="jobs.runs",
    tag=TAG.name,
    summary="List the runs of a job",
    about="The newest first, also after the job has ended.",
    parameters={"id": params.JOB_ID, **_VIEW, **_PAGE},
    answers=(_RUNS,),
    problems=(NotFound,),
)
_FIRE: Final = Operation(
    endpoint="native.fire_job",
    method="POST",
    path="/1/jobs/{id}/fire",
    id="jobs.fire",
    tag=TAG.name,
    summary="Call a job now",
    about="The call is a run of the kind `manual`. The schedule of the job stays as it is.",
    parameters={"id": params.JOB_ID},
    answers=(_ACCEPTED,),
    problems=(NotFound, Conflict, LimitReached),
)
_COUNTS: Final = Operation(
    endpoint="native.count_runs",
    method="GET",
    path="/1/runs/counts",
    id="runs.counts",
    tag=TAG.name,
    summary="Count runs by time and state",
    about="Counts the runs that are over, the newest bucket first.",
    parameters={
        "bucket": Parameter(
            schema={**one_of(BUCKETS), "default": "1h"}, about="The length of a bucket."
        ),
        "after": params.instant("Where counting begins; a day before `before` if absent."),
        "before": params.instant("Where counting ends; now if absent."),
        paging.CURSOR: params.CURSOR,
    },
    answers=(
        Answer(
            status=200,
            about="The counts.",
            content=documents("RunCounts", under("counts"), hour=ex.COUNTS),
            headers=(_LINK,),
        ),
    ),
)
_FAILURES: Final = Operation(
    endpoint="native.list_failures",
    method="GET",
    path="/1/runs/failures",
    id="runs.failures",
    tag=TAG.name,
    summary="List failing jobs",
    about="Groups the failed and dead runs by their job, the newest failure first.",
    parameters={
        "after": params.instant(
            "Runs that were due at this instant or later; of the last day if absent."
        )
    },
    answers=(
        Answer(
            status=200,
            about="The failing jobs.",
            content=documents("Failures", under("failures"), one=ex.FAILURES),
        ),
    ),
)
_GET: Final = Operation(
    endpoint="native.get_run",
    method="GET",
    path="/1/runs/{id}",
    id="runs.get",
    tag=TAG.name,
    summary="Show a run",
    about="With its newest 20 attempts; a `Link` leads to earlier ones.",
    parameters=_ONE,
    answers=(
        Answer(
            status=200,
            about="The run.",
            content=documents("Run", under("run"), succeeded=ex.RUN),
            headers=(_LINK,),
        ),
    ),
    problems=(NotFound,),
)
_ATTEMPTS: Final = Operation(
    endpoint="native.list_attempts",
    method="GET",
    path="/1/runs/{id}/attempts",
    id="runs.attempts",
    tag=TAG.name,
    summary="List the attempts of a run",
    about="The newest first.",
    parameters={**_ONE, **_PAGE},
    answers=(
        Answer(
            status=200,
            about="A page of attempts.",
            content=documents("Attempts", under("attempts"), one=[ex.ATTEMPT]),
            headers=(_LINK,),
        ),
    ),
    problems=(NotFound,),
)
_REDELIVER: Final = Operation(
    endpoint="native.redeliver_run",
    method="POST",
    path="/1/runs/{id}/redeliver",
    id="runs.redeliver",
    tag=TAG.name,
    summary="Send a run again",
    about="A run that is over is called again, with its id and its content.",
    parameters=_ONE,
    answers=(_ACCEPTED,),
    problems=(NotFound, Conflict, LimitReached),
)
_REDELIVER_ALL: Final = Operation(
    endpoint="native.redeliver_runs",
    method="POST",
    path="/1/runs/redeliver",
    id="runs.redeliver_all",
    tag=TAG.name,
    summary="Send failed and dead runs again, or count them",
    about="At most 10,000 runs, oldest first. For a dry run the scope `read` suffices.",
    body=Body(
        content=documents("NewRedelivery", under(REDELIVERY.root), counted=ex.REDELIVERY),
    ),
    answers=(
        Answer(
            status=202,
            about="The runs are under way.",
            content=documents("Redelivery", under(REDELIVERY.root), done=ex.REDELIVERED),
        ),
        Answer(
            status=200,
            about="Of a dry run: how many runs would be sent.",
            content=documents("Redelivery", under(REDELIVERY.root), counted=ex.REDELIVERED),
        ),
    ),
    problems=(LimitReached,),
)
COMPLETE: Final = Operation(
    endpoint="native.complete_run",
    method="POST",
    path="/1/runs/{id}/complete",
    id="runs.complete",
    tag=TAG.name,
    summary="Report the result of a run",
    about="For a receiver that answered 202 with `Wakecall-Complete: later`. The completion token "
    "of the call is the key, or an API key of the account with the scope `book`. Repeating it has "
    "no further effect.",
    parameters=_ONE,
    body=Body(
        content=documents("Completion", under(COMPLETION.root), failed=ex.COMPLETION),
    ),
    answers=(
        Answer(
            status=200,
            about="The run has ended.",
            content=documents("Run", under("run"), failed=ex.COMPLETED),
        ),
        Answer(
            status=202,
            about="The completion is kept, and ends the run when the response to the call comes.",
            content=documents("Run", under("run"), begun=ex.BEGUN),
        ),
    ),
    security=(COMPLETION_TOKEN,),
    problems=(NotFound, Conflict),
)
_UPCOMING: Final = Operation(
    endpoint="native.list_upcoming",
    method="GET",
    path="/1/upcoming",
    id="upcoming.list",
    tag=UPCOMING_TAG.name,
    summary="List the next firing of each job",
    about="The earliest first.",
    parameters={
        "until": params.instant("Only firings that are expected before this instant."),
        **params.OF_JOBS,
        **_PAGE,
    },
    answers=(
        Answer(
            status=200,
            about="A page of firings.",
            content=documents("Upcoming", under("upcoming"), one=ex.UPCOMING),
            headers=(_LINK,),
        ),
    ),
)
_LOAD: Final = Operation(
    endpoint="native.count_upcoming",
    method="GET",
    path="/1/upcoming/counts",
    id="upcoming.counts",
    tag=UPCOMING_TAG.name,
    summary="Count the next firings by the hour",
    answers=(
        Answer(
            status=200,
            about="The counts.",
            content=documents("FiringLoad", under("load"), day=ex.LOAD),
        ),
    ),
)
_DESTINATIONS: Final = Operation(
    endpoint="native.list_held_destinations",
    method="GET",
    path="/1/destinations",
    id="destinations.list",
    tag=UPCOMING_TAG.name,
    summary="List the destinations for which calls wait",
    answers=(
        Answer(
            status=200,
            about="The destinations.",
            content=documents("Destinations", under("held"), one=ex.DESTINATIONS),
        ),
    ),
)

OPERATIONS: Final = (
    _LIST,
    _OF_JOB,
    _FIRE,
    _COUNTS,
    _FAILURES,
    _GET,
    _ATTEMPTS,
    _REDELIVER,
    _REDELIVER_ALL,
    COMPLETE,
    _UPCOMING,
    _LOAD,
    _DESTINATIONS,
)
