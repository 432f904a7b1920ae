"""Client of Wakecall: book calls, read what became of them, verify those that arrive."""

from __future__ import annotations

from wakecall._async.client import AsyncClient
from wakecall._async.pages import AsyncPages
from wakecall._core.answers import Answer
from wakecall._core.completion import complete_later
from wakecall._core.pages import Page
from wakecall._sync.client import Client
from wakecall._sync.pages import Pages
from wakecall._version import VERSION
from wakecall.errors import (
    Conflict,
    Forbidden,
    InvalidMember,
    KeyReused,
    LimitReached,
    NoAnswer,
    NoSignature,
    NotConfigured,
    NotFound,
    NotOver,
    Problem,
    ProblemError,
    RateLimited,
    ServerError,
    SignatureError,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WakecallError,
    WrongSignature,
)
from wakecall.filters import JobFilters, ListedJobs, RunFilters
from wakecall.new_job import JobContent, JobOptions, NewJob
from wakecall.retries import NO_RETRIES, Retries
from wakecall.webhook import Call, Webhook

__version__ = VERSION

__all__ = [
    "NO_RETRIES",
    "Answer",
    "AsyncClient",
    "AsyncPages",
    "Call",
    "Client",
    "Conflict",
    "Forbidden",
    "InvalidMember",
    "JobContent",
    "JobFilters",
    "JobOptions",
    "KeyReused",
    "LimitReached",
    "ListedJobs",
    "NewJob",
    "NoAnswer",
    "NoSignature",
    "NotConfigured",
    "NotFound",
    "NotOver",
    "Page",
    "Pages",
    "Problem",
    "ProblemError",
    "RateLimited",
    "Retries",
    "RunFilters",
    "ServerError",
    "SignatureError",
    "Stale",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "WakecallError",
    "Webhook",
    "WrongSignature",
    "__version__",
    "complete_later",
]
