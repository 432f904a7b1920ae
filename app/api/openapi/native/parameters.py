"""Parameters: those of the address and of the header that several operations take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.api import pages
from app.api.native.documents import job_filter
from app.api.openapi.native import examples
from app.api.openapi.operations import Parameter
from app.api.openapi.schemas import TEXT, UUID, Schema, one_of
from app.domain.idempotency import HEADER as IDEMPOTENCY_KEY
from app.domain.idempotency import MAX_KEY
from app.domain.instants import MAX_INSTANT
from app.domain.job import MAX_NAME, MAX_TAG, MAX_TAGS, Dialect
from app.domain.job_filter import JobKind
from app.domain.run import DEPTH_HEADER, MAX_DEPTH

_FLAG: Final = one_of(("true", "false"))


def several(values: Iterable[str], about: str) -> Parameter:
    """One or more of these values, joined by commas; it may be given several times."""
    choices = "|".join(map(str, values))
    schema: Schema = {
        "type": "array",
        "items": {"type": "string", "pattern": f"^(?:{choices})(?:,(?:{choices}))*$"},
    }
    return Parameter(schema=schema, about=about)


def instant(about: str) -> Parameter:
    """An instant, as in a document."""
    return Parameter(
        schema={**TEXT, "maxLength": MAX_INSTANT}, about=f"{about} ISO 8601, in UTC without offset."
    )


def name_in_path(about: str, example: str, **schema: object) -> Parameter:
    """A part of the path that a client chose."""
    return Parameter(schema={**TEXT, **schema}, about=about, example=example)


JOB_ID: Final = Parameter(schema=UUID, about="The id of a job.", example=examples.JOB_ID)
RUN_ID: Final = Parameter(
    schema=UUID, about="The id of a run: its `webhook-id`.", example=examples.RUN_ID
)
INBOX_ID: Final = Parameter(schema=UUID, about="The id of an inbox.", example=examples.INBOX_ID)
CURSOR: Final = Parameter(
    schema=TEXT, about="Where the page begins: taken from the `Link` of the page before."
)


def limit(default: int | None, most: int = pages.MAX_LIMIT) -> Parameter:
    """The most elements of a page."""
    schema: Schema = {"type": "integer", "minimum": 1, "maximum": most}
    if default is not None:
        schema["default"] = default
    return Parameter(schema=schema, about="The most elements of the page.")


HOST: Final = Parameter(schema=TEXT, about="Only what calls this host, whatever its port.")
TAG: Final = Parameter(
    schema={
        "type": "array",
        "items": {**TEXT, "minLength": 1, "maxLength": MAX_TAG},
        "maxItems": MAX_TAGS,
        "uniqueItems": True,
    },
    about="Only jobs that have this tag; given several times, only jobs that have all of them.",
)
OF_JOBS: Final = {
    job_filter.TAG: TAG,
    job_filter.NAME_PREFIX: Parameter(
        schema={**TEXT, "minLength": 1, "maxLength": MAX_NAME},
        about="Only jobs whose name begins with this text.",
    ),
    job_filter.DIALECT: Parameter(
        schema=one_of(Dialect), about="Only jobs that were booked through this API."
    ),
    job_filter.ENDPOINT: Parameter(
        schema={**TEXT, "minLength": 1, "maxLength": 256},
        about="Only jobs that call this Dapr app or Fusion runner; not together with `host`.",
    ),
    job_filter.HOST: HOST,
    job_filter.KIND: Parameter(
        schema=one_of(JobKind), about="Only jobs with a trigger of this kind."
    ),
}
"""The filters of lists of jobs and of firings."""

OF_WHOLE_JOBS: Final = {
    **OF_JOBS,
    job_filter.ENABLED: Parameter(
        schema=_FLAG, about="`false`: only paused jobs; `true`: all others."
    ),
    job_filter.FAILING: Parameter(
        schema=one_of(("true",)),
        about="Only jobs of which a run failed or died and none has succeeded since.",
    ),
}
"""The filters of lists that show paused jobs too."""

DRY_RUN: Final = Parameter(
    schema={**_FLAG, "default": "false"},
    about="`true`: check everything and store nothing. The answer is 200 with the job as it would "
    "be booked, in JSON unless `Accept` prefers XML. The scope `read` suffices.",
)

DEPTH: Final = {
    DEPTH_HEADER: Parameter(
        schema={"type": "integer", "minimum": 0, "maximum": MAX_DEPTH - 1},
        about="If a call from Wakecall led to this request: the header of that call, passed on.",
    )
}
REPEATS: Final = {
    IDEMPOTENCY_KEY: Parameter(
        schema={**TEXT, "minLength": 1, "maxLength": 2 * MAX_KEY + 2},
        about="A text of the client's own that identifies the request, such as a UUID: for 24 "
        f"hours, a repeat gets the first response. 1 to {MAX_KEY} visible ASCII characters.",
        example="3a1e3a5c-7d4e-4c35-9a55-0f0f6b8e3a9d",
    )
}
"""Of every POST that is not idempotent by itself."""
