"""Job schemas: jobs as they are sent and answered, lists of them, and previews."""

from __future__ import annotations

from typing import Any, Final

from app.api.native.documents import bulk
from app.api.native.documents import job as job_document
from app.api.native.documents.preview import DEFAULT_FIRINGS, NATIVE, PREVIEW
from app.api.openapi.schemas import (
    FLAG,
    INSTANT,
    TEXT,
    Note,
    Schema,
    always,
    answered,
    array,
    note,
    nullable,
    ref,
    sent,
)
from app.domain import retry_policy as retries
from app.domain.call_options import (
    MAX_HEADERS,
    MAX_LABEL,
    MAX_TIMEOUT,
    METHODS,
    MIN_TIMEOUT,
)
from app.domain.instants import MAX_INSTANT
from app.domain.job import MAX_DATA, MAX_NAME, MAX_TAG, MAX_TAGS, Dialect
from app.domain.misfire import MAX_WINDOW, MIN_WINDOW
from app.domain.target import MAX_URL

_SECONDS: Final[Schema] = {"minimum": retries.MIN_WAIT, "maximum": retries.MAX_WAIT}

_SCHEDULE: Final = {
    "when": note(
        "The instant of the one call: ISO 8601, in UTC unless it has an offset. With `timezone`, a "
        "local time of that zone. Give `when` or `cron`.",
        maxLength=MAX_INSTANT,
    ),
    "cron": note(
        "The times of the calls, at least ten minutes apart, in UTC or in `timezone`: a Quartz "
        "expression of 6 or 7 fields, a crontab expression of 5, or `@daily` and the like.",
    ),
    "timezone": note("The name of a zone of the IANA database: `Europe/Berlin`."),
    "onGap": note("What becomes of a local time that a clock change skips; `skip` if absent."),
    "onOverlap": note("Which of two equal local times counts; `second` if absent."),
}

_RETRY: Final = {
    "retry": note("How a run is tried again; the default waits if absent."),
    "retry.maxAttempts": note(
        "Calls of one run, the first included.", minimum=1, maximum=retries.MAX_ATTEMPTS
    ),
    "retry.schedule": note(
        "The waits between attempts in seconds; the last one is repeated.",
        minItems=1,
        maxItems=retries.MAX_ATTEMPTS - 1,
    ),
    "retry.schedule.[]": note("", **_SECONDS),
    "retry.backoff": note("Growing waits, instead of `schedule`.", required=["initial"]),
    "retry.backoff.initial": note("The first wait in seconds.", **_SECONDS),
    "retry.backoff.factor": note(
        "How many times as long as the one before each wait is; 2 if absent.",
        minimum=1,
        maximum=retries.MAX_FACTOR,
    ),
    "retry.backoff.max": note("The longest wait in seconds; a day if absent.", **_SECONDS),
    "retry.maxAge": note(
        "No attempt but the first begins later than so many seconds after the due time.",
        minimum=retries.MIN_WAIT,
        maximum=retries.MAX_AGE,
    ),
}

_MEMBERS: Final[dict[str, Note]] = {
    "id": note("Assigned. On an update it is that of the job, or absent."),
    "account": note("The name of the account. On an update it is that of the job, or absent."),
    "url": note(
        "Where the payload is POSTed: http or https, a public address. It is sent as it is given, "
        "also with a percent sign that begins no escape.",
        maxLength=MAX_URL,
    ),
    "signature": note("Sent along as `X-Content-Signature`.", minLength=1, maxLength=MAX_LABEL),
    "contentType": note(
        "The media type of the payload; `application/octet-stream` if absent.",
        minLength=1,
        maxLength=MAX_LABEL,
    ),
    "data": note(f"The payload, at most {MAX_DATA} bytes as it is delivered."),
    "dataEncoding": note("`base64` if `data` is the Base64 form of the payload."),
    **_SCHEDULE,
    "next": note("The next firing of a recurring job, in UTC; assigned. Ignored on booking."),
    "enabled": note("`false` pauses the job; shown only if it is `false`."),
    "name": note("A name that no other job of the account has.", minLength=1, maxLength=MAX_NAME),
    "tags": note("Words by which lists are filtered.", maxItems=MAX_TAGS, uniqueItems=True),
    "tags.[]": note("", minLength=1, maxLength=MAX_TAG),
    "method": note(
        "The method of the calls; `POST` if absent. GET, HEAD and DELETE have no body.",
        enum=list(METHODS),
    ),
    "headers": note("Further headers of the calls.", maxProperties=MAX_HEADERS),
    "timeout": note(
        "The seconds that a whole call may take; 15 if absent.",
        minimum=MIN_TIMEOUT,
        maximum=MAX_TIMEOUT,
    ),
    **_RETRY,
    "misfire": note("Which missed firings are made; `one` if absent."),
    "misfireWindow": note(
        "By how many seconds a firing may be late and is still made.",
        minimum=MIN_WINDOW,
        maximum=MAX_WINDOW,
    ),
    "onSuccess": note("A URL that gets an event when a run succeeds.", maxLength=MAX_URL),
    "onFailure": note("A URL that gets an event when a run fails.", maxLength=MAX_URL),
}

_SHOWN_ONLY: Final = {
    "dataOmitted": note("In lists: the bytes of a payload that is too long to be shown."),
    "dialect": note(
        "The API through which the job was booked; absent for the native one.",
        enum=[str(each) for each in Dialect if each is not Dialect.NATIVE],
    ),
    "endpoint": note("The Dapr app or Fusion runner that the job calls, in place of `url`."),
    "schedule": note("The schedule of a Dapr job as it was written, in place of `cron`."),
    "remaining": note("How many firings are left, if they are counted."),
}
_EITHER: Final = [{"required": ["when"]}, {"required": ["cron"]}]
_WITH_ZONE: Final = {"onGap": ["timezone"], "onOverlap": ["timezone"]}


def _new_job() -> Schema:
    return sent(
        "A job as it is sent. A member that is null counts as absent; an unknown one is refused.",
        job_document.JOB,
        _MEMBERS,
        required=["url"],
        oneOf=_EITHER,
        dependentRequired={**_WITH_ZONE, "dataEncoding": ["data"]},
    )


def _job() -> Schema:
    """A job as it is answered: a job of another dialect has other members, without these bounds."""
    notes = {**_MEMBERS, **_SHOWN_ONLY}
    shown = sent(
        "A booked job. Members that have no value are left out.", job_document.SHOWN, notes
    )
    del shown["additionalProperties"]
    for name in ("id", "account", "enabled", "next", "when"):
        shown["properties"][name].update(_ANSWERED.get(name, {}))
    # Of another dialect these may have values that the native API does not accept.
    for name, bounds in _LOOSE.items():
        for each in bounds:
            shown["properties"][name].pop(each, None)
    return {**shown, "required": ["account"]}


_ANSWERED: Final[dict[str, Schema]] = {
    "id": {"format": "uuid", "description": "Assigned; absent in the answer to a dry run."},
    "account": {"description": "The name of the account."},
    "enabled": {"const": False, "description": "`false` while the job is paused."},
    "next": {"format": "date-time", "description": "The next firing of a recurring job, in UTC."},
    "when": {"format": "date-time", "description": "The instant of the one call, in UTC."},
}
_LOOSE: Final = {"name": ("maxLength",), "timeout": ("minimum", "maximum"), "headers": ()}

_PREVIEW_OWN: Final = {
    "after": note("The instant to count from; now if absent.", maxLength=MAX_INSTANT),
    "count": note(f"How many firings to list; {DEFAULT_FIRINGS} if absent."),
}


def _preview_of(name: str, about: str, members: dict[str, Note], **further: Any) -> Schema:  # noqa: ANN401 - JSON Schema holds anything
    dialect = note("The dialect of the other members; `native` if absent.", const=name)
    notes = {"dialect": dialect, **_PREVIEW_OWN, **members}
    return sent(about, PREVIEW.select(name), notes, **further)


def _new_preview() -> Schema:
    dapr = {
        "schedule": note("A cron expression of six fields, or an interval: `@every 10m`.", **TEXT),
        "dueTime": note("The first firing: an instant or a duration.", **TEXT),
        "ttl": note("When the job ends: an instant or a duration.", **TEXT),
        "repeats": note("How many firings it has.", type=["integer", "string"]),
    }
    fusion = {
        "resource": note("The job: `task:clean-up`.", type=["string", "null"]),
        "enabled": note("Whether the schedule applies.", type=["boolean", "string", "null"]),
        "triggers": note("The triggers, as in Fusion's own document.", type="array"),
        "default": note("Kept and shown.", type=["boolean", "string", "null"]),
    }
    chosen = {"required": ["dialect"]}
    return {
        "description": "A schedule to try out, with the members of one dialect.",
        "oneOf": [
            _preview_of(NATIVE, "A native schedule.", dict(_SCHEDULE), oneOf=_EITHER),
            _preview_of(str(Dialect.DAPR), "A schedule of a Dapr job.", dapr, **chosen),
            _preview_of(str(Dialect.FUSION), "A whole schedule of Fusion.", fusion, **chosen),
        ],
    }


_PREVIEWED: Final = answered(
    "When a schedule fires, and whether it can be booked.",
    {
        "summary": always(nullable(TEXT), "The schedule in English; null if it has none."),
        "next": always(
            array(
                answered(
                    "A firing.",
                    {
                        "utc": always(INSTANT, "Its instant in UTC."),
                        "local": always(INSTANT, "The same instant in `timezone`."),
                    },
                ),
                name="next",
                item="firing",
            ),
            "The next firings.",
        ),
        "minimumGap": always(
            nullable({"type": "integer"}),
            "Whole seconds between any two firings at least; null if one is left at most.",
        ),
        "bookable": always(FLAG, "Whether the schedule can be booked."),
        "reasons": always(array(TEXT, name="reasons", item="reason"), "Why it cannot be booked."),
        "warnings": always(
            array(TEXT, name="warnings", item="warning"),
            "What the day fields mean, and which clock changes affect the schedule.",
        ),
        "timezone": always(TEXT, "The time zone."),
        "tzdata": always(TEXT, "The release of the IANA time zone database."),
    },
    element="preview",
)


def schemas() -> dict[str, Schema]:
    """The schemas by name. Needs an application, whose dialects have previews."""
    return {
        "NewJob": _new_job(),
        "NewJobs": {
            **array(ref("NewJob"), name=bulk.ROOT, item="job"),
            "minItems": 1,
            "maxItems": bulk.MAX_JOBS,
            "description": "Jobs that are booked together, or not at all.",
        },
        "Job": _job(),
        "Jobs": {**array(ref("Job"), name=bulk.ROOT, item="job"), "description": "Whole jobs."},
        "JobIds": {
            **array({"type": "string", "format": "uuid"}, name=bulk.ROOT, item="id"),
            "description": "The ids of jobs, the oldest first.",
        },
        "NewPreview": _new_preview(),
        "Preview": _PREVIEWED,
    }
