"""What the Dapr dialect registers with the modules that all dialects share."""

from __future__ import annotations

import re
from typing import Final

from app.api.dapr import addresses
from app.api.dialects import ApiDialect
from app.domain.job import Dialect
from app.domain.limits import DAPR_APPS
from app.service.dapr import apps
from app.service.endpoints import EndpointKind

LONG_PATHS: Final = re.compile(
    r"/+v1\.0[^/]*/+(?:jobs|invoke)/.*"
    r"|/dapr\.proto\.runtime\.v1\.Dapr/(?:ScheduleJob(?:Alpha1)?|InvokeService)",
    re.DOTALL,
)
LIST_RPCS: Final = re.compile(
    r"/dapr\.proto\.runtime\.v1\.Dapr/(?:ListJobs|DeleteJobsByPrefix)(?:Alpha1)?"
)

DIALECT: Final = ApiDialect(
    dialect=Dialect.DAPR,
    covers=addresses.is_dapr_path,
    long_bodies=LONG_PATHS,
    posted_lists=LIST_RPCS,
    key_header=addresses.TOKEN,
    app_header=apps.HEADER,
    changed_by="POST /v1.0/jobs/<name> with overwrite replaces it",
    endpoints=EndpointKind(noun="Dapr app", limit=DAPR_APPS),
)
