"""Tooling: what all tools share: their turn, their refusals, and finding a job by id or name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from uuid import UUID

from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult

from wakecall import AsyncClient, NotFound, ProblemError, WakecallError
from wakecall.mcp.access import Busy, Ctx, access_of
from wakecall.mcp.documents import Document, answer
from wakecall.models import Job

P = ParamSpec("P")

REFUSED: Final = (WakecallError, Busy, ValueError)
"""What a tool call ends with for a reason that the model can act on."""


def answering(
    tool: Callable[Concatenate[Ctx, P], Awaitable[Document]],
) -> Callable[..., Awaitable[CallToolResult]]:
    """Make a tool of a function that returns a document.

    A refusal of the service is raised as ToolError, so that the model reads what is wrong and what
    to do.
    """

    @wraps(tool)
    async def run(ctx: Ctx, *arguments: P.args, **named: P.kwargs) -> CallToolResult:
        try:
            async with access_of(ctx).turn():
                return answer(await tool(ctx, *arguments, **named))
        except REFUSED as error:
            raise ToolError(refusal(error)) from error

    return run


def refusal(error: Exception) -> str:
    """What a model reads of an error: the reason with the remedy, the member and the request."""
    parts = [f"{error}"]
    if isinstance(error, NotFound):
        # The service's remedy names paths, and its member is a part of one.
        parts = [error.detail or error.title, "find_jobs and find_runs list what there is."]
        parts += [f"Request id: {error.request_id}."] if error.request_id else []
    elif isinstance(error, ProblemError):
        parts += [f"Member: {error.member}."] if error.member else []
        parts += [f"Request id: {error.request_id}."] if error.request_id else []
    if isinstance(error, WakecallError) and error.may_be_done:
        parts.append("It may have been carried out: look before you try again.")
    return " ".join(parts)


def is_id(reference: str) -> bool:
    """Whether a text is the id of a job or run."""
    try:
        return f"{UUID(reference)}" == reference.lower()
    except ValueError:
        return False


def run_id(reference: str) -> str:
    """The id of a run as it was given; raises ValueError for what cannot be one."""
    if not is_id(reference):
        raise ValueError(
            f"run is {reference[:80]!r}, which is not the id of a run. find_runs lists runs with "
            "their ids."
        )
    return reference


async def find_job(client: AsyncClient, reference: str) -> Job:
    """The job of an id or a name; raises WakecallError."""
    if is_id(reference):
        return await client.jobs.get(reference)
    return await client.jobs.by_name(reference)


async def find_job_id(client: AsyncClient, reference: str) -> str | None:
    """The id of the job of an id or a name, None for an empty text; raises WakecallError."""
    if not reference or is_id(reference):
        return reference or None
    return (await client.jobs.by_name(reference)).id
