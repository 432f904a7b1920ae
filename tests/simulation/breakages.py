"""Breakages: faults that are planted in the service, each of which the simulation must find."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from unittest.mock import patch

from app.domain import rearm, rescue
from tests.simulation.breakage import Breakage
from tests.simulation.overdue_breakages import OVERDUE, OVERDUE_PAIRS
from workers import scheduler
from workers.dispatch import lease_watch, leased_run, settler
from workers.dispatch.account_cache import AccountCache


def _nothing(*_args: Any, **_options: Any) -> None:
    """Do nothing."""


def _never(*_args: Any, **_options: Any) -> bool:
    return False


def _no_time(*_args: Any, **_options: Any) -> timedelta:
    return timedelta()


_SECRETS_FOR: Final = AccountCache.secrets_for


def _newest_secret(*args: Any) -> Any:
    """Sign with no secret that was replaced, even if it is valid still."""
    return {account: each[:1] for account, each in _SECRETS_FOR(*args).items()}


def _leave(*_args: Any, **_options: Any) -> rescue.Action:
    return rescue.Action.LEAVE


def _reclaim_without_lease(state: Any, **options: Any) -> rescue.Action:
    """Take each run away from its worker, whether or not its lease still runs."""
    return rescue.judge(state, **{**options, "lease_left": -1.0, "leases_count": True})


def _rearm_from_due(trigger: Any, **options: Any) -> rearm.Rearmed:
    """Count nothing as missed: the next firing follows the one that is due."""
    made = rearm.rearm(trigger, **options)
    return rearm.Rearmed(fire_at=made.fire_at, next_at=made.next_at, missed=0)


BREAKAGES: Final = (
    Breakage(
        "take: what another worker holds is taken",
        "take",
        "i.token = v.token AND i.state = 'claimed' AND ",
        "",
    ),
    Breakage("take: a cancelled run is taken", "take", " AND i.cancelled_at IS NULL", ""),
    Breakage(
        "take: half a second early",
        "take",
        "date_part('epoch', t.send_at - clock_timestamp())",
        "date_part('epoch', t.send_at - clock_timestamp()) - 0.5",
    ),
    Breakage(
        "take: a lease of ten days",
        "take",
        "clock_timestamp() + %(lease)s",
        "clock_timestamp() + %(lease)s + interval '10 days'",
    ),
    Breakage(
        "settle_final: any token settles",
        "settle_final",
        " AND i.token = v.token",
        "",
        kinds=("single",),
    ),
    Breakage("settle_retry: any token settles", "settle_retry", " AND i.token = v.token", ""),
    Breakage(
        "settle_retry: a retry comes at once",
        "settle_retry",
        "send_at = greatest(v.retry_at, i.due_at)",
        "send_at = i.due_at",
    ),
    Breakage(
        "settle_retry: a retry is never checked",
        "settle_retry",
        "THEN greatest(v.retry_at - %(ahead)s::interval, clock_timestamp())",
        "THEN 'infinity'",
    ),
    Breakage(
        "settle_later: a result that came during the call is left",
        "settle_later",
        "i.cancelled_at IS NULL AND i.completion IS NULL",
        "i.cancelled_at IS NULL",
    ),
    Breakage(
        "claim: a one-time job moves on, and no run begins",
        "claim_due",
        "FROM picked WHERE NOT recurring AND NOT crowded AND owed_at IS NULL\n  ON",
        "FROM picked WHERE false AND NOT crowded AND owed_at IS NULL\n  ON",
    ),
    Breakage(
        "claim: a one-time job stays due",
        "claim_due",
        "UPDATE due SET next_at = NULL, enqueued_at = NULL",
        "UPDATE due SET enqueued_at = NULL",
    ),
    Breakage(
        "claim: the rows of others are not seen",
        "claim_due",
        "WHERE slot BETWEEN (SELECT lo FROM bounds) AND (SELECT hi FROM bounds)\n  ORDER",
        "WHERE slot BETWEEN (SELECT lo FROM bounds) + 155 AND (SELECT hi FROM bounds)\n  ORDER",
    ),
    Breakage(
        "rearm: the next firing is left out",
        "rearm",
        "THEN v.next_at END,\n    held_at",
        "THEN v.next_at + interval '1 day' END,\n    held_at",
    ),
    Breakage(
        "rearm: a recurring job stops",
        "rearm",
        "next_at = CASE WHEN NOT v.held THEN v.next_at END",
        "next_at = NULL",
    ),
    Breakage(
        "notify_again: the token of a reclaimed run stays",
        "notify_again",
        "token = i.token + v.reclaimed",
        "token = i.token",
        held_by="the take that follows raises the token as well",
        kinds=("single", "once", "fault"),
    ),
    Breakage(
        "fetch_checkable: a lost lease is never found",
        "fetch_checkable",
        "WHERE look_at",
        "WHERE state <> 'taken' AND look_at",
        kinds=("single",),
    ),
    Breakage(
        "fetch_checkable: what nobody took is not notified again",
        "fetch_checkable",
        "WHERE look_at",
        "WHERE state <> 'claimed' AND look_at",
        kinds=("recurring", "change"),
    ),
    Breakage(
        "check_later: a lost lease is looked for an hour later",
        "check_later",
        "+ interval '0.2 s'",
        "+ interval '1 hour'",
    ),
    Breakage(
        "renew_leases: renews nothing",
        "renew_leases",
        "i.token = v.token AND",
        "false AND",
        kinds=("once", "recurring"),
    ),
    Breakage(
        "renew_leases: renews what another holds",
        "renew_leases",
        "i.token = v.token AND ",
        "",
        kinds=("taken",),
    ),
    Breakage(
        "poll_cancellations: finds none",
        "poll_cancellations",
        "WHERE cancelled_at > now()",
        "WHERE false AND cancelled_at > now()",
        kinds=("recurring", "change"),
    ),
    Breakage(
        "withdraw: the run of a deleted job is not cancelled",
        "cancel_runs",
        "cancelled_at = clock_timestamp(),",
        "cancelled_at = NULL::timestamptz,",
        kinds=("recurring", "change"),
    ),
    Breakage(
        "replace: the firings of the version before stay",
        "cancel_replaced_runs",
        "kind = 'scheduled' AND",
        "false AND",
        kinds=("recurring", "change"),
    ),
    Breakage(
        "replace: the due row keeps its time",
        "replace_due",
        "next_at = %(next_at)s,",
        "next_at = coalesce(next_at, %(next_at)s),",
        kinds=("recurring", "change"),
    ),
    Breakage(
        "claim_overdue: what was due before an update is lost",
        "claim_overdue",
        "WHERE due.job_id = %(job_id)s",
        "WHERE false AND due.job_id = %(job_id)s",
        kinds=("missed",),
    ),
    Breakage(
        "complete: the result is not kept",
        "keep_completion",
        "completion = %(result)s",
        "completion = NULL",
        kinds=("once", "recurring"),
    ),
    Breakage(
        "purge: a job ends with a run under way",
        "purge_jobs",
        "AND (SELECT NOT EXISTS",
        "AND (SELECT true OR NOT EXISTS",
        kinds=("stale",),
    ),
    Breakage(
        "rearm: ticks are not counted",
        "rearm",
        "remaining = remaining - least(remaining, 1)",
        "remaining = remaining",
    ),
    Breakage(
        "rearm: the next firing of a serial job does not wait",
        "rearm",
        "NOT v.held THEN v.next_at END,\n    held_at = CASE WHEN v.held",
        "true THEN v.next_at END,\n    held_at = CASE WHEN false",
    ),
    Breakage(
        "unblock: what waits for a run goes on waiting",
        "unblock",
        "WHERE job_id",
        "WHERE false AND job_id",
        kinds=("dapr",),
    ),
    Breakage(
        "move_ticks: the ticks that were called come again",
        "move_ticks",
        "WHERE d.job_id",
        "WHERE false AND d.job_id",
        kinds=("dapr",),
    ),
    Breakage(
        "start_followers: none starts",
        "start_followers",
        "f.upstream = u.name AND",
        "false AND",
        kinds=("fusion", "fusion-change"),
    ),
    Breakage(
        "start_followers: any end starts them",
        "start_followers",
        "v.state = ANY (f.states)",
        "true",
        kinds=("fusion", "fusion-change"),
    ),
    Breakage(
        "abort: a worker does not learn of it",
        "poll_cancellations",
        "FROM aborted\nWHERE",
        "FROM aborted\nWHERE false AND",
        kinds=("fusion-aborted",),
    ),
    Breakage(
        "retry: a call that reaches nobody uses up an attempt",
        patch=lambda: patch("app.domain.retry.is_unreached", _never),
        kinds=("dapr-failing",),
    ),
    Breakage(
        "retry: no pause between retries without an end",
        patch=lambda: patch("app.domain.retry.pause_after", _no_time),
        kinds=("dapr-failing",),
    ),
    Breakage(
        "retry: those of a Dapr job are not counted from the tick",
        patch=lambda: patch("app.domain.retry.since_due", _no_time),
        kinds=("dapr",),
    ),
    Breakage(
        "secrets: a rotation never reaches a worker",
        patch=lambda: patch("workers.dispatch.account_cache.FRESH_S", 1e12),
        kinds=("recurring", "dapr", "rotation"),
    ),
    Breakage(
        "secrets: only the newest signs",
        patch=lambda: patch.object(AccountCache, "secrets_for", _newest_secret),
        kinds=("recurring", "dapr", "rotation"),
    ),
    Breakage(
        "rearm: missed firings are not counted",
        patch=lambda: patch("app.store.claim_decisions.rearm", _rearm_from_due),
        kinds=("missed",),
    ),
    Breakage(
        "worker: a lost lease does not stop a call",
        patch=lambda: patch.object(
            leased_run.LeasedRun, "lease_ends_at", property(lambda _: 1e12, _nothing)
        ),
        kinds=("taken",),
    ),
    Breakage(
        "worker: what was answered is not settled",
        patch=lambda: patch.object(settler.Settler, "_write", _nothing),
    ),
    Breakage(
        "worker: it does not poll for cancellations",
        patch=lambda: patch.object(lease_watch.LeaseWatch, "_poll_cancellations", _nothing),
        kinds=("recurring", "change"),
    ),
    Breakage(
        "scheduler: a lease never runs out",
        patch=lambda: patch("app.store.rescue.judge", _leave),
        kinds=("single",),
    ),
    Breakage(
        "scheduler: a lease runs out at once",
        patch=lambda: patch("app.store.rescue.judge", _reclaim_without_lease),
        kinds=("once", "single"),
    ),
    Breakage(
        "scheduler: it claims two seconds late",
        patch=lambda: patch.object(scheduler, "LOOK_AHEAD", timedelta(seconds=-2)),
        kinds=("once",),
    ),
    Breakage(
        "take: the token of a run stays",
        "take",
        "token = i.token + 1",
        "token = i.token",
        held_by="a reclaim raises the token as well",
        kinds=("single", "once", "fault"),
    ),
    *OVERDUE,
)
"""Each is a promise of docs/guarantees.md, broken in one place."""


def _named(*names: str) -> tuple[Breakage, ...]:
    return tuple(next(each for each in BREAKAGES if each.name == name) for name in names)


PAIRS: Final = (
    Breakage(
        "take and notify_again: no token is raised",
        also=_named(
            "take: the token of a run stays",
            "notify_again: the token of a reclaimed run stays",
        ),
        kinds=("single",),
    ),
    *OVERDUE_PAIRS,
)
"""Each is one that a second rule holds, with that rule broken as well."""

ALL: Final = (*BREAKAGES, *PAIRS)
