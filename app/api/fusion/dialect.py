"""What the Fusion dialect registers with the modules that all dialects share."""

from __future__ import annotations

import re
from typing import Final

from app.api.dialects import ApiDialect
from app.domain.job import Dialect
from app.domain.limits import FUSION_TASKS
from app.service.endpoints import EndpointKind
from app.service.fusion import tasks

_LISTS: Final = re.compile(r"/api/(?:apollo/)?(?:apps/[^/]+/)?(?:jobs|tasks|jobs/[^/]+/history)")


def _covers(path: str) -> bool:
    return path.startswith("/api/")


DIALECT: Final = ApiDialect(
    dialect=Dialect.FUSION,
    covers=_covers,
    paths_remedy=(
        "Fusion's paths are /api/jobs/<type>:<id>, with /history, /schedule or /actions after "
        "it, and /api/tasks/<id>; /apps/<app> may stand after /api. None ends in a slash."
    ),
    lists=_LISTS,
    changed_by="PUT /api/jobs/<resource>/schedule, or PUT /api/tasks/<id>, changes it",
    # There is at most one runner of each type.
    endpoints=EndpointKind(noun="Fusion runner"),
    counts={FUSION_TASKS: tasks.count},
)
