"""Models: the service's documents as frozen dataclasses.

Instants are aware datetimes, spans are timedeltas and payloads are bytes. A member that is absent
is None or has its default. `document` is the document as it came, and `extra` those of its members
that this release does not know.
"""

from __future__ import annotations

from wakecall.models.account import (
    Account,
    ApiKey,
    App,
    AuditEntry,
    Destination,
    Destinations,
    Limit,
    OwnKey,
    Protocol,
    Runner,
    Scope,
    Secret,
)
from wakecall.models.accuracy import Accuracy, Lateness
from wakecall.models.inbox import Inbox, InboxAnswer, InboxCall
from wakecall.models.job import (
    Dialect,
    Job,
    Kind,
    Method,
    Misfire,
    OnGap,
    OnOverlap,
    Outcome,
    Put,
    Sort,
)
from wakecall.models.retry_policy import Backoff, RetryPolicy
from wakecall.models.run import (
    Attempt,
    Bucket,
    FailingJob,
    Failures,
    LastStatus,
    Redelivery,
    Result,
    Run,
    RunCount,
    RunKind,
    RunState,
    Timing,
)
from wakecall.models.schedule import Firing, FiringCount, FiringLoad, Preview, PreviewedFiring

__all__ = [
    "Account",
    "Accuracy",
    "ApiKey",
    "App",
    "Attempt",
    "AuditEntry",
    "Backoff",
    "Bucket",
    "Destination",
    "Destinations",
    "Dialect",
    "FailingJob",
    "Failures",
    "Firing",
    "FiringCount",
    "FiringLoad",
    "Inbox",
    "InboxAnswer",
    "InboxCall",
    "Job",
    "Kind",
    "LastStatus",
    "Lateness",
    "Limit",
    "Method",
    "Misfire",
    "OnGap",
    "OnOverlap",
    "Outcome",
    "OwnKey",
    "Preview",
    "PreviewedFiring",
    "Protocol",
    "Put",
    "Redelivery",
    "Result",
    "RetryPolicy",
    "Run",
    "RunCount",
    "RunKind",
    "RunState",
    "Runner",
    "Scope",
    "Secret",
    "Sort",
    "Timing",
]
