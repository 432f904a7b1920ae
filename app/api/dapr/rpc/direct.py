"""Direct: reads a plain booking over gRPC, and renders its answer, as `schedule_job` does."""

from __future__ import annotations

from typing import Final

from app.api.dapr import direct
from app.api.dapr.rpc import messages
from app.api.dapr.rpc.requests import GRPC, SERVICE
from app.api.direct_bookings import DirectBooking, DirectRequest
from app.api.wsgi_bridge import Message
from app.domain.dapr.refusal import Refusal
from app.protos import dapr_runtime_pb2 as runtime

MEDIA_TYPE: Final = "application/grpc+proto"
FIELDS: Final = frozenset({"HTTP_TRANSFER_ENCODING"})
"""What the environment of an RPC has beside what one over HTTP may have."""

_PATHS: Final = frozenset(f"/{SERVICE}/ScheduleJob{suffix}" for suffix in ("", "Alpha1"))
_OK: Final = 200
_BODY: Final = runtime.ScheduleJobResponse().SerializeToString()
_FIELDS: Final = (
    (b"Content-Type", MEDIA_TYPE.encode()),
    (b"Content-Length", b"%d" % len(_BODY)),
)


def covers(environ: Message) -> bool:
    """Whether a request may be a plain booking."""
    return environ["wsgi.url_scheme"] == GRPC and environ["PATH_INFO"] in _PATHS


def read(request: DirectRequest) -> DirectBooking | None:
    """Read the booking of a job that is due once; None for one that its route is to answer.

    Raises RpcError, and as `direct.want` does.
    """
    asked = messages.read(runtime.ScheduleJobRequest, request.body)
    try:
        document = messages.to_document(asked.job, overwrite=asked.overwrite)
    except Refusal:
        return None
    wanted = direct.want(request, asked.job.name, document)
    if wanted is None:
        return None
    return DirectBooking(
        wanted=wanted, status=_OK, fields=_FIELDS, body=_BODY, size=len(request.body)
    )
