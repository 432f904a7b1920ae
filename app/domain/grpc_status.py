"""gRPC status: the 17 codes with which a gRPC call ends, and the errors that attempts show."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class GrpcStatus(IntEnum):
    """The status codes of gRPC, by number."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


ERRORS: Final[dict[GrpcStatus, str]] = {
    each: f"grpc-{each.name.lower().replace('_', '-')}"
    for each in GrpcStatus
    if each is not GrpcStatus.OK
}
"""The `error` of an attempt by the status that its app answered, as `grpc-not-found`."""

ANSWERS: Final = frozenset(ERRORS.values())
"""The errors for which the app answered: it can be reached."""

NOT_FOUND: Final = ERRORS[GrpcStatus.NOT_FOUND]
UNIMPLEMENTED: Final = ERRORS[GrpcStatus.UNIMPLEMENTED]
