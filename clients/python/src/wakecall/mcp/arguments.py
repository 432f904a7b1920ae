"""Arguments: checks those of a tool call before the tool runs, in words that a model can act on."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

_SHOWN: Final = 5
_TEXT: Final = 80


def check_names(tool: str, given: dict[str, Any], schema: dict[str, Any]) -> None:
    """Raise ToolError for arguments that a tool does not have: a booking must not leave one out."""
    known = schema.get("properties", {})
    unknown = [each for each in given if each not in known]
    if unknown:
        names = ", ".join(each[:_TEXT] for each in unknown[:_SHOWN])
        has = f"Its arguments are {', '.join(known)}." if known else "It has no arguments."
        raise ToolError(f"{tool} has no argument {names}. {has} Nothing was done.")


def refusal(tool: str, error: ValidationError) -> ToolError:
    """The error that names each wrong argument, the reason and what to do."""
    wrong = error.errors(include_url=False, include_context=False)
    reasons = " ".join(_reason(each) for each in wrong[:_SHOWN])
    return ToolError(f"{reasons} Correct this and call {tool} again. Nothing was done.")


def _reason(error: ErrorDetails) -> str:
    member = ".".join(f"{each}" for each in error["loc"])
    if error["type"] == "missing":
        return f"{member} is missing."
    value = f"{error['input']!r}"
    shown = value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
    return f"{member} is {shown}: {error['msg'][:1].lower()}{error['msg'][1:]}."
