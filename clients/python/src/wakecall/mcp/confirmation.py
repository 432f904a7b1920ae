"""Confirmation: asks the person before a deletion and before many calls, where the client can.

A client that cannot ask needs the tool's own argument instead: the job's name, or the count.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from mcp.server.mcpserver import (
    AcceptedElicitation,
    Elicit,
    ElicitationResult,
)
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from wakecall.mcp.access import Ctx, access_of
from wakecall.mcp.documents import cut
from wakecall.mcp.tooling import REFUSED, find_job, find_job_id, refusal
from wakecall.models import Redelivery, RunState

MANY: Final = 100
"""Up to so many runs are sent again without a question."""

Action = Literal["pause", "resume", "fire", "delete"]


class Approval(BaseModel):
    """What a person answers."""

    approved: Annotated[bool, Field(description="Go on?")]


Outcome = ElicitationResult[Approval]


def is_approved(outcome: Outcome) -> bool:
    """Whether the person, or the argument that stands in for the question, agreed."""
    return isinstance(outcome, AcceptedElicitation) and outcome.data.approved


def can_ask(ctx: Ctx) -> bool:
    """Whether the client of this request puts questions to a person."""
    found = ctx.client_capabilities
    return found is not None and found.elicitation is not None


async def approve_change(
    ctx: Ctx, job: str, action: Action, confirm: str
) -> Approval | Elicit[Approval]:
    """Whether a change may be made: only a deletion is asked about."""
    if action != "delete":
        return Approval(approved=True)
    try:
        found = await find_job(access_of(ctx).client(), job)
    except REFUSED as error:
        raise ToolError(refusal(error)) from error
    named = found.name or found.id
    if can_ask(ctx):
        target = cut(found.url or found.endpoint, 200)
        return Elicit(f"Delete the job {cut(named, 200)!r}, which calls {target}?", Approval)
    if confirm not in {named, found.id}:
        raise ToolError(f"Nothing was deleted. Give confirm={cut(named, 200)!r} to delete the job.")
    return Approval(approved=True)


async def approve_redelivery(
    ctx: Ctx,
    run: str,
    state: list[RunState] | None,
    job: str,
    after: str,
    before: str,
    dry_run: bool,  # noqa: FBT001 - an argument of the tool, by its name
    expected_count: int | None,
) -> Approval | Elicit[Approval]:
    """Whether runs may be sent again: more than MANY are asked about."""
    if dry_run or run:
        return Approval(approved=True)
    counted = await count(ctx, state, job, after, before)
    if expected_count is not None and expected_count != counted.count:
        raise ToolError(
            f"Nothing was sent: {counted.count} runs match, not {expected_count}. "
            "Look at them with a dry run again."
        )
    if counted.count <= MANY:
        return Approval(approved=True)
    if can_ask(ctx):
        return Elicit(f"Send {counted.count} runs again?", Approval)
    if expected_count is None:
        raise ToolError(
            f"Nothing was sent: {counted.count} runs match. "
            f"Give expected_count={counted.count} to send them."
        )
    return Approval(approved=True)


async def count(
    ctx: Ctx,
    state: list[RunState] | None,
    job: str,
    after: str,
    before: str,
) -> Redelivery:
    """How many runs would be sent again; raises ToolError."""
    client = access_of(ctx).client()
    try:
        return await client.runs.redeliver_all(
            dry_run=True,
            state=state,
            job=await find_job_id(client, job),
            after=after or None,
            before=before or None,
        )
    except REFUSED as error:
        raise ToolError(refusal(error)) from error
