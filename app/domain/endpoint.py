"""Endpoint: a place that an account configures apart from its jobs, which call it by its name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_NAME: Final = 256
MAX_TOKEN: Final = 1024


class AppProtocol(StrEnum):
    """How an endpoint is called; a Fusion runner always over HTTP."""

    HTTP = "http"
    GRPC = "grpc"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A Dapr app (by its app id) or a Fusion runner (by its type), and where it is.

    `has_token` where calls to it carry a token of its own, which is not told again.
    """

    name: str
    url: str
    has_token: bool
    protocol: AppProtocol = AppProtocol.HTTP
