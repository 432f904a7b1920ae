"""Job events: what a Dapr app is sent, over gRPC or HTTP, of a job booked over either."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from google.protobuf.any_pb2 import Any

from app.domain.endpoint import AppProtocol
from app.protos import json_values
from app.protos.dapr_app_pb2 import JobEventRequest
from app.protos.dapr_common_pb2 import HTTPExtension

_JOB_PATH: Final = "/job/"
_VALUE: Final = "google.protobuf.Value"

_MAX_ENCODED: Final = 4 * 1024 * 1024
"""Bytes of JSON in binary form: the longest message that a gRPC server takes by default."""


class UnsendablePayload(ValueError):
    """The payload cannot be written in the form that the app's protocol needs."""


def is_converted(type_url: str | None, protocol: str | None) -> bool:
    """Whether a payload with this `type_url` (None: JSON) has another form in the call."""
    if protocol == AppProtocol.GRPC:
        return type_url is None
    return type_url is not None and type_url.rpartition("/")[2] == _VALUE


def convert(data: bytes | None, type_url: str | None, protocol: str | None) -> bytes | None:
    """The payload as the app gets it; raises UnsendablePayload.

    JSON goes to a gRPC app as a google.protobuf.Value in binary form, and such a Value to an HTTP
    app as JSON, which is empty where no kind is set. All else goes byte for byte.
    """
    if data is None or not is_converted(type_url, protocol):
        return data
    try:
        if protocol == AppProtocol.GRPC:
            return json_values.encode(data, most=_MAX_ENCODED)
        return json_values.decode(data)
    except json_values.TooLarge:
        raise UnsendablePayload(
            f"The payload has more than {_MAX_ENCODED} bytes or {json_values.MAX_VALUES} values as "
            "a google.protobuf.Value, or is nested too deeply."
        ) from None
    except (ValueError, RecursionError):
        raise UnsendablePayload(f"The payload is not a {_VALUE} that JSON can hold.") from None


def message(path: str, converted: bytes | None, type_url: str | None) -> bytes:
    """The JobEventRequest of the job whose `url` is `path`; `converted` is what `convert` made.

    The same arguments give the same bytes. A payload that is absent stays absent.
    """
    name = unquote(path.removeprefix(_JOB_PATH))
    request = JobEventRequest(
        name=name,
        method=f"job/{name}",
        http_extension=HTTPExtension(verb=HTTPExtension.POST),
    )
    if converted is not None:
        type_url = json_values.TYPE_URL if type_url is None else type_url
        request.data.CopyFrom(Any(type_url=type_url, value=converted))
        request.content_type = type_url
    return request.SerializeToString(deterministic=True)
