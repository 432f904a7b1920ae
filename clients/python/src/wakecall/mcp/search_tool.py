"""Search tool: finds sections of the documentation, and shows the best one as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import Field

from wakecall import AsyncClient, WakecallError
from wakecall.mcp.access import Ctx, access_of
from wakecall.mcp.documents import Document, cut, present
from wakecall.mcp.tooling import answering

_FOUND: Final = 6
_TITLE: Final = 160
_EXCERPT: Final = 280
_SECTION: Final = 1800
_FENCES: Final = ("```", "~~~")
_MARKDOWN: Final = "text/markdown"


@answering
async def search_docs(ctx: Ctx, *, query: Annotated[str, Field(max_length=200)]) -> Document:
    """Search Wakecall's documentation: the best section in full, others as excerpts."""
    client = access_of(ctx).client()
    answer = await client.request(
        "GET", "/docs/search", params={"q": query}, headers={"Accept": "application/json"}
    )
    found = answer.json()[:_FOUND]
    sections = [
        present(
            page=cut(each.get("page"), _TITLE),
            heading=cut(each.get("heading"), _TITLE),
            excerpt=cut(each.get("excerpt"), _EXCERPT),
            resource=_resource_of(each.get("markdown", "")),
        )
        for each in found
    ]
    for section, each in zip(sections[:1], found[:1], strict=True):
        text = await _text_of(client, each.get("markdown", ""), each.get("heading", ""))
        if text:
            del section["excerpt"]
            section["text"] = cut(text, _SECTION)
    if not sections:
        return {"sections": [], "next_step": "Try fewer words, or other ones."}
    return {"sections": sections}


def _resource_of(markdown: str) -> str | None:
    """The resource that holds a page, whose Markdown the site has at this path."""
    slug = _slug_of(markdown)
    return f"wakecall://docs/{slug}" if slug else None


def _slug_of(markdown: str) -> str:
    return markdown.partition("/docs/")[2].removesuffix(".md")


async def _text_of(client: AsyncClient, markdown: str, heading: str) -> str:
    """The section of a page in Markdown; empty if it cannot be had: the excerpt is shown then."""
    path = f"/docs/{quote(_slug_of(markdown), safe='/')}.md"
    try:
        answer = await client.request("GET", path, headers={"Accept": _MARKDOWN})
    except (WakecallError, ValueError):
        return ""
    return "\n".join(section_of(answer.text, heading)).strip()


def section_of(page: str, heading: str) -> Iterator[str]:
    """The lines of the section with this heading, without the sections below it.

    A heading that the page does not have stands for what is before all sections.
    """
    headings = {_letters(line) for line in page.splitlines() if _is_heading(line)}
    is_wanted = _letters(heading) not in headings
    is_code = False
    for line in page.splitlines():
        if line.startswith(_FENCES):
            is_code = not is_code
        if _is_heading(line) and not is_code:
            if is_wanted and not line.startswith("# "):
                return
            is_wanted = is_wanted or _letters(line) == _letters(heading)
        if is_wanted:
            yield line


def _is_heading(line: str) -> bool:
    return line.startswith("#") and line.lstrip("#").startswith(" ")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
