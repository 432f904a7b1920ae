"""Run schemas: runs and attempts, their counts and failures, and what is due or waits next."""

from __future__ import annotations

from typing import Final

from app.api.native.documents.completion import COMPLETION
from app.api.native.documents.payload import BASE64
from app.api.native.documents.redelivery import REDELIVERY, UNSUCCESSFUL
from app.api.openapi.native.account_schemas import LATENESS
from app.api.openapi.schemas import (
    COUNT,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    UUID,
    Schema,
    always,
    answered,
    array,
    maybe,
    note,
    one_of,
    ref,
    sent,
)
from app.domain.instants import MAX_INSTANT
from app.domain.job import Dialect
from app.domain.run import KEPT_BODY, SETTLED, RunKind, RunState
from app.domain.run_filter import MAX_LATENESS_MS, StatusClass

_HEADERS: Final = array(
    answered("A header.", {"name": always(TEXT, "Its name."), "value": always(TEXT, "Its value.")}),
    name="headers",
    item="header",
)
_TIMING: Final = answered(
    "Milliseconds from the start of the call to each step that it reached.",
    {
        "dnsMs": maybe(NUMBER, "The name was resolved."),
        "connectMs": maybe(NUMBER, "The connection stood."),
        "tlsMs": maybe(NUMBER, "TLS was negotiated."),
        "firstByteMs": maybe(NUMBER, "The first byte of the response came."),
        "totalMs": maybe(NUMBER, "The call was over."),
    },
)
_ATTEMPT: Final = answered(
    "One HTTP call of a run, with `status` or `error`.",
    {
        "number": always({"type": "integer", "minimum": 1}, "Its `Wakecall-Attempt`."),
        "webhookId": always(UUID, "Its `webhook-id`: the id of the run."),
        "started": always(INSTANT, "When it began."),
        "latenessMs": always(NUMBER, "How many milliseconds after its time it began."),
        "status": maybe({"type": "integer"}, "The HTTP status of the response."),
        "error": maybe(TEXT, "Why there is no response: `timeout`, `denied-address` and others."),
        "errorDetail": maybe(TEXT, "The error in words."),
        "timing": always(_TIMING, "How long its steps took."),
        "headers": always(_HEADERS, "The headers of the response."),
        "body": maybe(TEXT, f"The first {KEPT_BODY} bytes of the response's body."),
        "bodyEncoding": maybe({"const": BASE64}, "`base64` if `body` is Base64."),
        "notKept": maybe({"const": True}, "The account is at its limit `historyBytes`."),
    },
    element="attempt",
)
_RUN: Final = answered(
    "One firing of a job, or an event that reports one.",
    {
        "id": always(UUID, "Its id, the `webhook-id` of its calls."),
        "run": maybe(UUID, "Of an event: the run that it reports."),
        "job": maybe(UUID, "Its job; absent for an event."),
        "version": maybe(COUNT, "The version of the job; absent for an event."),
        "kind": always(one_of(RunKind), "Why it exists."),
        "due": always(INSTANT, "When it was due."),
        "state": always(one_of(RunState), "Its state; the last four are final."),
        "missed": always(COUNT, "How many missed firings it stands for."),
        "settled": maybe(INSTANT, "When it ended."),
        "nextAttempt": maybe(INSTANT, "While a retry waits: when it is made."),
        "completeBy": maybe(INSTANT, "Until when its receiver may report the result."),
        "reason": maybe(TEXT, "Why it ended as it did, or why it waits."),
        "omittedAttempts": maybe(COUNT, "How many attempts before the newest one are not shown."),
        "attempts": always(
            array(ref("Attempt"), name="attempts", item="attempt"),
            "The newest 20 attempts, the oldest first; with `view=brief`, the first and the newest "
            "one.",
        ),
    },
    element="run",
)
_COUNTS: Final = answered(
    "How the runs ended that were due in one bucket of time.",
    {
        "begins": always(INSTANT, "When the bucket begins."),
        **{
            str(state): always(COUNT, f"How many runs ended as `{state}`.")
            for state in RunState
            if state in SETTLED
        },
        "lateness": maybe(LATENESS, "How late the calls were that were settled in the bucket."),
    },
    element="bucket",
)
_FAILING: Final = answered(
    "The failed and dead runs of a job, or all failed events together.",
    {
        "job": maybe(UUID, "The job; absent for events."),
        "name": maybe(TEXT, "The name of the job."),
        "kind": always(one_of(RunKind), "The kind of the newest of them."),
        "count": always(COUNT, "How many there are."),
        "newest": always(UUID, "The newest of them."),
        "due": always(INSTANT, "When the newest was due."),
        "state": always(one_of(UNSUCCESSFUL), "The state of the newest."),
        "status": maybe({"type": "integer"}, "The HTTP status that its last attempt got."),
        "error": maybe(TEXT, "Or the error of its last attempt."),
        "reason": maybe(TEXT, "Why it ended as it did."),
    },
    element="job",
)
_MORE: Final = always(FLAG, "Whether there are further ones.")
_DESTINATION: Final = answered(
    "A destination for which calls wait although they are due.",
    {
        "destination": always(TEXT, "Scheme, host and port; or the Dapr app or Fusion runner."),
        "waiting": always(COUNT, "How many calls wait."),
        "oldestDue": maybe(INSTANT, "When the oldest of them was due."),
        "reason": maybe(TEXT, "Why the newest of them waits."),
        "state": maybe(TEXT, "What workers report: `full`, `asked`, `slowed`, `down` and others."),
        "underWay": maybe(COUNT, "How many calls have begun and not ended."),
        "nextCall": maybe(INSTANT, "When the next call may begin, if calls are stopped."),
    },
    element="destination",
)
_UPCOMING: Final = answered(
    "The next firing of a job.",
    {
        "job": always(UUID, "The job."),
        "name": maybe(TEXT, "Its name."),
        "due": always(INSTANT, "When it is due."),
        "expected": maybe(INSTANT, "When it is made at the latest, if it is postponed."),
        "dialect": always(one_of(Dialect), "The API through which the job was booked."),
        "recurring": always(FLAG, "Whether the job may fire again after it."),
        "cron": maybe(TEXT, "The expression of a recurring native job."),
        "timezone": maybe(TEXT, "The time zone of the expression."),
        "schedule": maybe(TEXT, "The schedule of a Dapr job."),
        "remaining": maybe(COUNT, "How many firings are left, if they are counted."),
        "url": maybe(TEXT, "What is called."),
        "endpoint": maybe(TEXT, "The Dapr app or Fusion runner that is called."),
        "tags": maybe(array(TEXT, name="tags", item="tag"), "The tags of the job."),
        "reason": maybe(TEXT, "Why it may be made later than it is due."),
    },
    element="firing",
)


def _hour(about: str) -> Schema:
    return answered(
        about,
        {"begins": always(INSTANT, "When it begins."), "firings": always(COUNT, "How many.")},
        element="hour",
    )


_LOAD: Final = answered(
    "How many jobs fire next in each hour of a day.",
    {
        "hours": always(
            array(_hour("The firings of an hour."), name="hours", item="hour"),
            "The present hour and the 23 after it.",
        ),
        "overdue": always(COUNT, "Firings from before the present hour, which wait."),
        "busiest": maybe(_hour("A minute."), "The minute with the most firings."),
        "countedUntil": maybe(INSTANT, "How far firings were counted, if there are too many."),
    },
    element="load",
)


def _redelivery() -> Schema:
    return sent(
        "The runs to send again; an empty object selects all failed and dead runs.",
        REDELIVERY,
        {
            "state": note("Runs in one of these states; both if absent."),
            "state.[]": note("", enum=[str(each) for each in UNSUCCESSFUL]),
            "kind": note("Runs of these kinds."),
            "kind.[]": note("", enum=[str(each) for each in RunKind]),
            "lastStatus": note("Runs whose newest attempt got one of these."),
            "lastStatus.[]": note("", enum=[str(each) for each in StatusClass]),
            "job": note("Runs of this job.", format="uuid"),
            "after": note("Runs that were due at this instant or later.", maxLength=MAX_INSTANT),
            "before": note("Runs that were due before this instant.", maxLength=MAX_INSTANT),
            "host": note("Runs that call this host."),
            "cursor": note("Where to continue, from the previous response."),
            "minLatenessMs": note(
                "Runs whose first attempt began so many milliseconds late.",
                minimum=0,
                maximum=MAX_LATENESS_MS,
            ),
            "dryRun": note("`true` counts the runs and sends nothing."),
        },
    )


_REDELIVERED: Final = answered(
    "How many runs are sent again, or would be.",
    {
        "count": always(COUNT, "Runs that are sent again, or would be."),
        "lost": always(
            COUNT, "Further runs that cannot be sent: content not kept, or attempted 1,000 times."
        ),
        "more": always(FLAG, "Whether runs are left: send the filter again with `cursor`."),
        "cursor": maybe(TEXT, "Where to continue."),
    },
    element="redelivery",
)


def schemas() -> dict[str, Schema]:
    """The schemas by name."""
    return {
        "Run": _RUN,
        "Runs": {**array(ref("Run"), name="runs", item="run"), "description": "Runs."},
        "Attempt": _ATTEMPT,
        "Attempts": array(ref("Attempt"), name="attempts", item="attempt"),
        "RunCounts": array(_COUNTS, name="counts", item="bucket"),
        "Failures": answered(
            "The jobs with failed or dead runs, the newest failure first.",
            {
                "jobs": always(array(_FAILING, name="jobs", item="job"), "A group for each job."),
                "more": _MORE,
            },
            element="failures",
        ),
        "Destinations": answered(
            "The destinations for which calls wait, those with the most calls first.",
            {
                "destinations": always(
                    array(_DESTINATION, name="destinations", item="destination"),
                    "The destinations.",
                ),
                "more": _MORE,
            },
            element="held",
        ),
        "Upcoming": array(_UPCOMING, name="upcoming", item="firing"),
        "FiringLoad": _LOAD,
        "NewRedelivery": _redelivery(),
        "Redelivery": _REDELIVERED,
        "Completion": sent(
            "The result of a run, as its receiver reports it.",
            COMPLETION,
            {
                "status": note("The state in which the run ends."),
                "message": note("Shown as the `reason` of the run."),
            },
        ),
    }
