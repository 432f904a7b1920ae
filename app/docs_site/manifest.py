"""Manifest: which pages the site has, in which order, and from which files they are made.

A long file is several pages: each takes some of the file's second-level sections. The entry of a
file without `sections` takes the sections that no other entry names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One page."""

    slug: str
    """The path of the page below `/docs/`."""
    file: str
    """The Markdown file, from the root of the repository; or the name of a generator."""
    title: str | None = None
    """The name in the navigation; None for the title of the page."""
    sections: tuple[str, ...] = ()
    """The headings of the second level that the page takes, as they are written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Pages that the navigation lists together."""

    entries: tuple[Entry, ...]
    title: str = ""
    folded: bool = False
    """Whether the navigation lists only the first page, unless a page of the group is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One of the four kinds of documentation (Diátaxis)."""

    slug: str
    title: str
    summary: str
    groups: tuple[Group, ...]


def _entry(slug: str, file: str, title: str | None = None, *sections: str) -> Entry:
    return Entry(slug=slug, file=file, title=title, sections=sections)


HOME: Final = _entry("", "docs/index.md", "Documentation")

_API: Final = "docs/api.md"
_OPERATIONS: Final = "docs/operations.md"

_START: Final = Part(
    slug="start",
    title="Start",
    summary="Learn Wakecall by doing, one step after the other.",
    groups=(
        Group(
            entries=(
                _entry("start/first-call", "docs/start/first-call.md"),
                _entry("start/receive", "docs/start/receive-and-verify.md"),
                _entry("start/time-zones", "docs/start/schedule-in-your-time-zone.md"),
                _entry("start/receiver-down", "docs/start/when-the-receiver-is-down.md"),
            )
        ),
    ),
)

_HOW_TO: Final = Part(
    slug="how-to",
    title="How to",
    summary="Steps for one task each.",
    groups=(
        Group(
            title="Book",
            entries=(
                _entry("how-to/many-jobs", "docs/how-to/book-many-jobs.md"),
                _entry("how-to/declare-jobs", "docs/how-to/declare-jobs.md"),
                _entry("how-to/plan-and-apply", "docs/plan-and-apply.md"),
            ),
        ),
        Group(
            title="Receive",
            entries=(
                _entry("how-to/verify-signatures", "docs/how-to/verify-signatures.md"),
                _entry("how-to/report-later", "docs/how-to/report-the-result-later.md"),
                _entry("how-to/laptop", "docs/how-to/test-on-your-laptop.md"),
            ),
        ),
        Group(
            title="Operate",
            entries=(
                _entry("how-to/failures", "docs/how-to/be-notified-of-failures.md"),
                _entry("how-to/resend", "docs/how-to/resend-after-an-outage.md"),
                _entry("how-to/rotate-secrets", "docs/how-to/rotate-secrets.md"),
                _entry("how-to/console", "docs/console.md"),
                _entry("how-to/run-it-yourself", "docs/how-to/run-it-yourself.md"),
                _entry("how-to/agents", "docs/mcp.md"),
            ),
        ),
        Group(
            title="Move here",
            entries=(
                _entry("how-to/from-cron", "docs/how-to/move-from-cron.md"),
                _entry("how-to/from-crontab", "docs/coming-from-crontab.md", "Crontab"),
                _entry("how-to/from-eventbridge", "docs/how-to/move-from-eventbridge.md"),
                _entry("how-to/from-qstash", "docs/how-to/move-from-qstash.md"),
                _entry("how-to/from-quartz", "docs/coming-from-quartz.md", "Quartz"),
                _entry("how-to/from-dapr", "docs/coming-from-dapr.md", "Dapr"),
                _entry("how-to/from-fusion", "docs/coming-from-fusion.md", "Fusion Jobs"),
            ),
        ),
    ),
)

_HTTP: Final = (
    _entry("reference/http", _API, "Overview"),
    _entry(
        "reference/jobs",
        _API,
        "Jobs",
        "A job",
        "More of a job",
        "Where callbacks may go",
        "A job in the address",
        "Many jobs at once",
        "Jobs by name",
        "Fire, pause and resume",
        "Jobs of other dialects",
    ),
    _entry(
        "reference/schedules",
        _API,
        "Schedules",
        "Cron expressions",
        "Time zones",
        "Preview",
        "Dry run",
    ),
    _entry("reference/lists", _API, "Lists of jobs and firings", "Lists", "Upcoming"),
    _entry("reference/runs", _API, "Runs and redelivery", "Runs", "Redelivery"),
    _entry("reference/completion", _API, "Completion and events", "Completion", "Events"),
    _entry("reference/inboxes", _API, "Inboxes", "Inboxes"),
    _entry("reference/endpoints", _API, "Apps and runners", "Dapr apps", "Fusion runners"),
    _entry(
        "reference/account",
        _API,
        "Account, limits, secrets",
        "Limits",
        "Accuracy",
        "Signing secrets",
        "Audit log",
    ),
    _entry("reference/idempotency", _API, "Idempotency", "Idempotency"),
    _entry("reference/errors", _API, "Errors", "Errors"),
)

_REFERENCE: Final = Part(
    slug="reference",
    title="Reference",
    summary="What there is, exactly and completely.",
    groups=(
        Group(title="HTTP API by topic", entries=_HTTP),
        Group(
            title="Clients",
            entries=(
                _entry("reference/cli", "docs/cli.md", "Command line"),
                _entry("reference/python", "docs/python.md", "Python"),
                _entry("reference/typescript", "docs/typescript.md", "TypeScript"),
                _entry("reference/dapr", "docs/dapr.md", "Dapr Jobs API"),
                _entry("reference/fusion", "docs/fusion.md", "Fusion Jobs API"),
            ),
        ),
        Group(
            title="Operation",
            entries=(
                _entry("reference/settings", "docs/settings.md"),
                _entry("reference/operations", _OPERATIONS, "Deployment"),
                _entry("reference/commands", _OPERATIONS, "Operator's commands", "Commands"),
                _entry(
                    "reference/metrics", _OPERATIONS, "Health, metrics, logs",
                    "Health", "Metrics", "Logs",
                ),
                _entry("reference/glossary", "docs/glossary.md"),
                _entry("reference/changelog", "CHANGELOG.md"),
            ),
        ),
    ),
)  # fmt: skip

_EXPLAIN: Final = Part(
    slug="explain",
    title="Explain",
    summary="How it works, what it promises, and why.",
    groups=(
        Group(
            entries=(
                _entry("explain/promises", "docs/explain/promises-and-measurements.md"),
                _entry("explain/guarantees", "docs/guarantees.md"),
                _entry("explain/idempotency", "docs/explain/idempotency-at-both-ends.md"),
                _entry("explain/clocks", "docs/explain/clocks-that-change.md"),
                _entry("explain/security", "docs/explain/security.md"),
                _entry("explain/state-machine", "docs/state_machine.md", "States of a run"),
                _entry(
                    "explain/flow-control", _OPERATIONS, "Flow control and fairness",
                    "Flow control", "Sharing of a web process", "What an account may store",
                    "Transactions that stay open",
                ),
                _entry("explain/performance", "docs/performance.md"),
                _entry("explain/scale", "docs/scale.md"),
                _entry("explain/architecture", "docs/architecture.md"),
            )
        ),
        Group(
            title="Contributing",
            folded=True,
            entries=(
                _entry("explain/contributing", "CONTRIBUTING.md"),
                _entry("explain/where-to-change", "docs/contributing/where-to-change.md"),
                _entry("explain/adding-a-member", "docs/contributing/adding-a-member.md"),
            ),
        ),
    ),
)  # fmt: skip

PARTS: Final = (_START, _HOW_TO, _REFERENCE, _EXPLAIN)
