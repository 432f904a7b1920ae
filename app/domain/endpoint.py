"""Endpoint: a named address that an account configures once, and that jobs refer to by name."""

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
    """A Dapr app or a Fusion runner, and its URL."""

    name: str
    """The app id, or the type of the runner."""
    url: str
    has_token: bool
    """Whether calls to it carry a token of its own, which is never shown again."""
    protocol: AppProtocol = AppProtocol.HTTP
