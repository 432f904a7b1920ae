"""Redelivery document: which unsuccessful runs to send again, or only to count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.api.native.codecs import reader
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import FLAG, NUMBER, TEXT, Object, Repeatable
from app.api.native.documents import run_cursor, run_filter
from app.domain.run import Position, Redelivered, RunKind, RunState
from app.domain.run_filter import RunFilter, StatusClass

UNSUCCESSFUL: Final = (RunState.FAILED, RunState.DEAD)
REDELIVERY: Final = Object(
    root="redelivery",
    example='{"state": "failed", "dryRun": true}',
    members={
        run_filter.STATE: Repeatable(
            remedy=f"Give one or more of: {', '.join(UNSUCCESSFUL)}; without "
            f"{run_filter.STATE} both are meant.",
        ),
        run_filter.KIND: Repeatable(remedy=f"Give one or more of: {', '.join(RunKind)}."),
        run_filter.LAST_STATUS: Repeatable(
            remedy=f"Give one or more of: {', '.join(StatusClass)}."
        ),
        **dict.fromkeys(run_filter.TEXTS, TEXT),
        run_filter.MIN_LATENESS: NUMBER,
        "dryRun": FLAG,
    },
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Redelivery:
    """What a redelivery document asks for."""

    wanted: RunFilter
    after: Position | None
    """Where to go on after an earlier redelivery of the same filter."""

    is_dry_run: bool


def read(body: Body) -> Redelivery:
    """The redelivery in the body; raises MalformedDocument and InvalidMember."""
    members = reader.read(body, REDELIVERY)
    is_dry_run = members.pop("dryRun", False)
    repeated = {name: members.pop(name, ()) for name in run_filter.REPEATED}
    wanted, after = run_filter.parse(repeated, members, allowed=UNSUCCESSFUL)
    return Redelivery(wanted=wanted, after=after, is_dry_run=is_dry_run)


def render(done: Redelivered) -> Mapping[str, Value]:
    """How many runs were redelivered, and the cursor to go on from if there are more."""
    members = {"count": done.count, "lost": done.lost, "more": done.more_after is not None}
    if done.more_after is None:
        return members
    return {**members, run_filter.CURSOR: run_cursor.write(done.more_after)}
