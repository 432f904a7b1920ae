"""Examples: documents as clients send them and as the service answers them."""

from __future__ import annotations

from typing import Any, Final

from app.domain.limits import DEFAULTS, TABLE, amount

JOB_ID: Final = "01a20290-02a5-7912-8f6b-3eecfd25d680"
OTHER_JOB_ID: Final = "01a20290-027f-7fc0-b123-b43bd8583de0"
RUN_ID: Final = "01a20291-fd53-77b6-a6ff-09e31b448f7c"
INBOX_ID: Final = "01a20293-5c0e-7b1d-8a44-6f2f0b9d3c11"
KEY_ID: Final = "4Ck0bGZy7T"
CURSOR: Final = "AaIChKi9ezeylKUsPDIlnlFIpCB4QKeiL5QcqA"

ONCE: Final = {
    "url": "https://example.com/wake",
    "when": "2030-05-11T17:30:00+02:00",
    "data": "testing",
}
CRON: Final = {
    "url": "https://example.com/my-callback",
    "cron": "0 15 10 ? * MON-FRI",
    "timezone": "Europe/Berlin",
    "name": "invoices",
    "tags": ["billing", "nightly"],
    "method": "PUT",
    "contentType": "application/json",
    "data": '{"month": "last"}',
    "headers": {"X-Shop": "7"},
    "timeout": 2.5,
    "retry": {"maxAttempts": 5, "schedule": [1, 60], "maxAge": 3600},
    "misfire": "all",
    "onFailure": "https://example.com/lost",
}
DECLARED: Final = {"url": "https://example.com/wake", "cron": "0 15 10 ? * *"}
ONCE_ANSWERED: Final = {
    "id": OTHER_JOB_ID,
    "account": "example",
    "url": "https://example.com/wake",
    "data": "testing",
    "when": "2030-05-11T15:30:00Z",
}
CRON_ANSWERED: Final = {
    "id": JOB_ID,
    "account": "example",
    **CRON,
    "next": "2026-11-23T09:15:00Z",
}
UNSTORED: Final = {name: value for name, value in ONCE_ANSWERED.items() if name != "id"}

PREVIEW: Final = {
    "cron": "0 30 1,2 ? * SUN",
    "timezone": "America/New_York",
    "after": "2027-03-07T12:00:00Z",
    "count": 2,
}
DAPR_PREVIEW: Final = {"dialect": "dapr", "schedule": "@every 10m", "count": 2}
PREVIEW_ANSWERED: Final = {
    "summary": "at 01:30 and 02:30 on Sunday, America/New_York",
    "next": [
        {"utc": "2027-03-14T06:30:00Z", "local": "2027-03-14T01:30:00-05:00"},
        {"utc": "2027-03-21T05:30:00Z", "local": "2027-03-21T01:30:00-04:00"},
    ],
    "minimumGap": 3600,
    "bookable": True,
    "reasons": [],
    "warnings": ["day-of-month and day-of-week: only day-of-week counts, on Sunday."],
    "timezone": "America/New_York",
    "tzdata": "2026f",
}

ATTEMPT: Final = {
    "number": 1,
    "webhookId": RUN_ID,
    "started": "2026-11-22T09:30:00.000115Z",
    "latenessMs": 0.115272,
    "status": 204,
    "timing": {"connectMs": 0.358, "firstByteMs": 4.877, "totalMs": 4.908},
    "headers": [{"name": "Date", "value": "Sun, 22 Nov 2026 09:30:00 GMT"}],
}
RUN: Final = {
    "id": RUN_ID,
    "job": JOB_ID,
    "version": 1,
    "kind": "scheduled",
    "due": "2026-11-22T09:30:00Z",
    "state": "succeeded",
    "missed": 0,
    "settled": "2026-11-22T09:30:00.034015Z",
    "attempts": [ATTEMPT],
}
BEGUN: Final = {
    "id": RUN_ID,
    "job": JOB_ID,
    "version": 1,
    "kind": "manual",
    "due": "2026-11-22T09:30:00.2Z",
    "state": "claimed",
    "missed": 0,
    "attempts": [],
}
COMPLETED: Final = {**RUN, "state": "failed", "reason": "the disk is full"}
COMPLETION: Final = {"status": "failed", "message": "the disk is full"}
LATENESS: Final = {
    "deliveries": 86412,
    "p50Ms": 0.4642,
    "p95Ms": 2.1544,
    "p99Ms": 3.8312,
    "maxMs": 41.2735,
}
COUNTS: Final = [
    {
        "begins": "2026-11-22T09:00:00Z",
        "succeeded": 86412,
        "failed": 3,
        "cancelled": 1,
        "dead": 0,
        "lateness": LATENESS,
    }
]
FAILURES: Final = {
    "jobs": [
        {
            "job": JOB_ID,
            "name": "report",
            "kind": "scheduled",
            "count": 12,
            "newest": RUN_ID,
            "due": "2026-11-22T09:30:00Z",
            "state": "failed",
            "status": 503,
            "reason": "The receiver answered 503.",
        }
    ],
    "more": False,
}
DESTINATIONS: Final = {
    "destinations": [
        {
            "destination": "https://example.com:443",
            "waiting": 120,
            "oldestDue": "2026-11-22T09:30:00Z",
            "reason": "waiting: 50 calls to example.com are under way",
        }
    ],
    "more": False,
}
UPCOMING: Final = [
    {
        "job": JOB_ID,
        "name": "invoices",
        "due": "2026-11-22T10:15:00Z",
        "dialect": "native",
        "recurring": True,
        "cron": "0 15 10 ? * *",
        "url": "https://example.com/my-callback",
        "tags": ["billing", "nightly"],
    }
]
LOAD: Final = {
    "hours": [
        {"begins": "2026-11-22T09:00:00Z", "firings": 3},
        {"begins": "2026-11-22T10:00:00Z", "firings": 0},
    ],
    "overdue": 0,
    "busiest": {"begins": "2026-11-22T09:30:00Z", "firings": 3},
}
REDELIVERY: Final = {"state": "failed", "after": "2026-11-22T00:00:00Z", "dryRun": True}
REDELIVERED: Final = {"count": 1204, "lost": 3, "more": False}

ACCOUNT: Final[dict[str, Any]] = {
    "account": "example",
    "created": "2026-11-15T09:30:00Z",
    "key": {"id": KEY_ID, "scope": "read"},
    "limits": {
        each.name: {
            "limit": amount(DEFAULTS, each),
            **({"used": 12} if each.name == "jobs" else {}),
        }
        for each in TABLE
    },
}
ACCURACY: Final = {
    "asOf": "2026-11-22T09:31:07.25Z",
    "hour": {
        "since": "2026-11-22T08:30:00Z",
        "deliveries": 0,
        "p50Ms": None,
        "p95Ms": None,
        "p99Ms": None,
        "maxMs": None,
    },
    "day": {"since": "2026-11-21T09:30:00Z", **LATENESS},
}
SECRETS: Final = [
    {"value": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "created": "2026-11-22T09:30:00Z"},
    {
        "value": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "created": "2026-11-15T09:30:00Z",
        "expires": "2026-11-23T09:30:00Z",
    },
]
ROTATION: Final = {"overlap": 86400}
KEY: Final = {
    "id": KEY_ID,
    "label": "dashboard",
    "scope": "read",
    "createdBy": "0aQ8xTz31k",
    "created": "2026-11-22T09:30:00Z",
    "expires": "2031-01-01T00:00:00Z",
}
KEY_TEXT: Final = "wk_4Ck0bGZy7TsJcZ0n6xPq1vRt9YbLw3Ud5KfHa8EmNgCoBi2Q"
NEW_KEY: Final = {"label": "dashboard", "scope": "read", "expires": "2031-01-01T00:00:00Z"}
NEW_KEY_ANSWERED: Final = {
    "id": KEY_ID,
    "value": KEY_TEXT,
    **{name: value for name, value in KEY.items() if name != "id"},
}
AUDIT: Final = [
    {
        "at": "2026-11-22T09:30:00Z",
        "action": "key.create",
        "object": KEY_ID,
        "detail": "scope read, expires 2031-01-01T00:00:00Z",
        "by": "key",
        "key": "0aQ8xTz31k",
        "address": "198.51.100.7",
    }
]
NEW_APP: Final = {"url": "https://jobs.example.com/base", "token": "s3cret"}
APP: Final = {
    "id": "job-service",
    "url": "https://jobs.example.com/base",
    "protocol": "http",
    "hasToken": True,
}
NEW_RUNNER: Final = {"url": "https://example.com/runner"}
RUNNER: Final = {"type": "datasource", "url": "https://example.com/runner"}
INBOX_URL: Final = "https://wakecall.example.com/in/kT3vY8sQpLz5RwXc1NfGh7JbMd9Ua2Ee"
NEW_INBOX: Final = {"label": "orders", "answer": "500"}
INBOX: Final = {
    "id": INBOX_ID,
    "url": INBOX_URL,
    "label": "orders",
    "answer": "500",
    "created": "2026-11-22T09:30:00Z",
    "calls": 7,
    "lastCall": "2026-11-22T09:30:00.0013Z",
}
CALL: Final = {
    "number": 7,
    "received": "2026-11-22T09:30:00.0013Z",
    "method": "POST",
    "path": "/paid",
    "query": "shop=1",
    "headers": [{"name": "content-type", "value": "application/json"}],
    "data": '{"order": 7}',
    "bytes": 12,
    "signature": "verified",
    "run": RUN_ID,
    "attempt": 1,
    "scheduledFor": "2026-11-22T09:30:00Z",
    "latenessMs": 1.3,
    "answer": "204",
}
