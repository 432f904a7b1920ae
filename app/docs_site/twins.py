"""Twins: the Markdown of a page as the site serves it, for readers that are programs."""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt

from app.docs_site.fences import read_info
from app.docs_site.links import Links
from app.docs_site.sources import Source

# A code span ends at as many backticks as it began with (CommonMark 6.1), in any line of its block.
_SPAN: Final = r"(?<!`)(?P<{0}>`+)(?!`).+?(?<!`)(?P={0})(?!`)"
_LINK_OR_LITERAL: Final = re.compile(
    rf"\\.|{_SPAN.format('outside')}"
    rf"|(?P<image>!?)\[(?P<label>(?:\\.|{_SPAN.format('inside')}|[^\[\]\\`])*)\]"
    r"\((?P<link>[^)\s]+)\)",
    re.DOTALL,
)


def twin(source: Source, links: Links) -> str:
    """Return the Markdown of a page for readers who have the site, but not the repository.

    Links lead to the Markdown of the site's pages, and those out of the site become text. Of what
    is noted behind a fence only the language is left: the rest is for the tests.
    """
    lines = source.markdown.split("\n")
    texts: set[tuple[int, int]] = set()
    # Blocks alone are parsed: what is within them would take two thirds of the time more.
    blocks = MarkdownIt("commonmark").enable("table").disable("inline")
    for token in blocks.parse(source.markdown):
        if token.map is None:
            continue
        start, end = token.map
        if token.type == "fence":
            before, mark, _ = lines[start].partition(token.markup)
            lines[start] = f"{before}{mark}{read_info(token.info).language}"
        elif token.type == "inline":
            texts.add((start, end))
    for start, end in texts:
        text = "\n".join(lines[start:end])
        lines[start:end] = _linked(text, source.file, links).split("\n")
    return "\n".join(lines)


def _linked(text: str, file: str, links: Links) -> str:
    """Rewrite the links and images of a block, whose number of lines stays."""

    def rewrite(found: re.Match[str]) -> str:
        if found["link"] is None:
            return found[0]
        target = links.resolve(file, found["link"], to_twins=True)
        if target is None:
            return found["label"]
        return f"{found['image']}[{found['label']}]({target})"

    return _LINK_OR_LITERAL.sub(rewrite, text)
