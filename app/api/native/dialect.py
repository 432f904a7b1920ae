"""What the native dialect registers with the modules that all dialects share."""

from __future__ import annotations

import re
from typing import Final

from app.api.dialects import ApiDialect
from app.domain.job import Dialect

LONG_PATHS: Final = re.compile(r"/1/jobs/bulk")
_LISTS: Final = re.compile(
    r"/1/(?:jobs|runs|upcoming|audit|keys|dapr-apps|fusion-runners|jobs/[^/]+/runs|"
    r"runs/counts|inboxes/[^/]+/calls|runs/[^/]+/attempts)"
)
_REDELIVERIES: Final = re.compile(r"/1/runs/(?:[^/]+/)?redeliver")
_JOBS: Final = re.compile(r"/1/jobs(?:/|$)")

DIALECT: Final = ApiDialect(
    dialect=Dialect.NATIVE,
    covers=_JOBS.match,
    paths_remedy=(
        "The paths begin with /1/jobs and do not end in a slash; "
        "a question mark within one is written %3F."
    ),
    # A job can be booked by an address alone, which holds its callback.
    address_remedy="POST the job as a document to /1/jobs.",
    long_bodies=LONG_PATHS,
    lists=_LISTS,
    posted_lists=_REDELIVERIES,
)
