"""Operations that need no key: health, metrics, the XML schema, errors, and these descriptions."""

from __future__ import annotations

from typing import Final

from app.api import negotiation
from app.api.openapi.native import parameters as params
from app.api.openapi.operations import Answer, Content, Example, Operation, Parameter, Tag
from app.api.openapi.schemas import FLAG, TEXT, always, answered, maybe
from app.api.problems import BY_CODE
from app.errors import NotFound, Unavailable

TAG: Final = Tag(name="service", about="The service itself; no key is needed.")

_OPENAPI: Final = {"type": "object", "required": ["openapi", "info", "paths"]}
_READY: Final = {
    negotiation.JSON: Content(
        schema=answered(
            "Whether bookings can be stored, and calls be made.",
            {
                "ready": always(FLAG, "Whether what was asked about works."),
                "database": always(FLAG, "Whether the database can be used."),
                "scheduler": always(FLAG, "Whether a scheduler runs."),
                "worker": always(FLAG, "Whether a worker runs."),
                "redis": always(FLAG, "Whether Redis can be used."),
                "reason": maybe({"type": ["string", "null"]}, "Why it is not ready."),
            },
        ),
        examples={
            "ready": Example(
                value={
                    "ready": True,
                    "database": True,
                    "scheduler": True,
                    "worker": True,
                    "redis": True,
                }
            )
        },
    )
}


_DESCRIBED: Final = {
    "/openapi": "the native API",
    "/openapi/dapr": "the Dapr Jobs API",
    "/openapi/fusion": "the Fusion Jobs API",
}


def _description(of: str, path: str, extension: str, media_type: str) -> Operation:
    name = path.strip("/").replace("/", "_")
    return Operation(
        endpoint=f"openapi.{name}_{extension}",
        method="GET",
        path=f"{path}.{extension}",
        id=f"service.{name}_{extension}",
        tag=TAG.name,
        summary=f"Describe {of} in OpenAPI 3.1",
        answers=(
            Answer(
                status=200,
                about="The description.",
                content={media_type: Content(schema=_OPENAPI)},
                headers=("ETag", "Cache-Control"),
            ),
            Answer(status=304, about="The client has it already.", headers=("ETag",)),
        ),
    )


OPERATIONS: Final = (
    Operation(
        endpoint="process",
        method="GET",
        path="/healthz",
        id="service.alive",
        tag=TAG.name,
        summary="Ask whether the process runs",
        answers=(
            Answer(
                status=200,
                about="It runs.",
                content={
                    negotiation.JSON: Content(
                        schema=answered("It runs.", {"status": always({"const": "ok"}, "`ok`.")}),
                        examples={"alive": Example(value={"status": "ok"})},
                    )
                },
            ),
        ),
    ),
    Operation(
        endpoint="ready",
        method="GET",
        path="/readyz",
        id="service.ready",
        tag=TAG.name,
        summary="Ask whether bookings can be stored",
        parameters={
            "all": Parameter(
                schema={**TEXT, "enum": ["true", "false"]},
                about="`true`: whether calls are made as well.",
            )
        },
        answers=(
            Answer(status=200, about="It is ready.", content=_READY),
            Answer(status=503, about="It is not ready.", content=_READY),
        ),
    ),
    Operation(
        endpoint="metrics",
        method="GET",
        path="/metrics",
        id="service.metrics",
        tag=TAG.name,
        summary="Read the metrics",
        about="Of all processes, for Prometheus. The operator may serve them on another port.",
        answers=(
            Answer(
                status=200,
                about="The metrics.",
                content={negotiation.TEXT: Content(schema=TEXT)},
            ),
        ),
        problems=(Unavailable,),
    ),
    Operation(
        endpoint="schemas.schema",
        method="GET",
        path="/schemas/job.xsd",
        id="service.job_schema",
        tag=TAG.name,
        summary="Read the XML schema of jobs",
        answers=(
            Answer(
                status=200,
                about="The schema.",
                content={negotiation.XML_APPLICATION: Content(schema=TEXT)},
                headers=("Cache-Control",),
            ),
        ),
    ),
    Operation(
        endpoint="references.problem",
        method="GET",
        path="/problems/{code}",
        id="service.problem",
        tag=TAG.name,
        summary="Read what an error means",
        parameters={
            "code": params.name_in_path(
                "The last part of a problem's `type`.", "not-found", enum=sorted(BY_CODE)
            )
        },
        answers=(
            Answer(
                status=200,
                about="Its meaning.",
                content={negotiation.TEXT: Content(schema=TEXT)},
                headers=("Cache-Control",),
            ),
            Answer(
                status=302,
                about="For an `Accept` with `text/html` or `text/markdown`: its page is at "
                "`Location`.",
                headers=("Cache-Control", "Location"),
            ),
        ),
        problems=(NotFound,),
    ),
    *(
        _description(of, path, extension, media_type)
        for path, of in _DESCRIBED.items()
        for extension, media_type in (("json", negotiation.JSON), ("yaml", "application/yaml"))
    ),
)
