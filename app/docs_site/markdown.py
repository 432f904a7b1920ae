"""Markdown: makes the HTML of a page, with anchors, tabs, scrollable tables and no inline style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from app.docs_site import highlighting
from app.docs_site.fences import Fence, read_info
from app.docs_site.links import Links
from app.docs_site.sources import Source, anchor_of

_ALERT: Final = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*")
_ALERT_TITLES: Final = {
    "NOTE": "Note",
    "TIP": "Tip",
    "IMPORTANT": "Important",
    "WARNING": "Warning",
    "CAUTION": "Caution",
}
_DIAGRAM: Final = "mermaid"


@dataclass(frozen=True, kw_only=True, slots=True)
class TocEntry:
    """A heading in the table of contents of a page."""

    level: int
    title: str
    anchor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The text below one heading, for the search."""

    title: str
    """The heading; empty for the text above the first one."""
    anchor: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A page as HTML, and what its frame and the search need."""

    html: Markup
    toc: tuple[TocEntry, ...]
    sections: tuple[Section, ...]
    description: str
    """The first paragraph as text."""


def render(source: Source, links: Links) -> Rendered:
    """Render the page without its title."""
    parser = _parser()
    tokens = parser.parse(source.text)
    toc = _anchored(tokens)
    tokens = _with_tabs(_with_alerts(_without_empty_headings(tokens)))
    for token in tokens:
        if token.children:
            token.children = _linked(token.children, source.file, links)
    html = parser.renderer.render(tokens, parser.options, {})
    sections = tuple(_sections(tokens, toc))
    return Rendered(
        html=Markup(html),  # noqa: S704 - the parser escapes all text, and raw HTML is off
        toc=tuple(each for each in toc if each.level <= 3),  # noqa: PLR2004 - the level
        sections=sections,
        description=_description(tokens),
    )


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    for name, rule in (
        ("fence", _fence),
        ("code_block", _code_block),
        ("tabs", _tabs),
        ("table_open", _table_open),
        ("table_close", _table_close),
        ("heading_close", _heading_close),
        ("html_block", _nothing),
    ):
        parser.add_render_rule(name, rule)
    return parser


def _anchored(tokens: Sequence[Token]) -> list[TocEntry]:
    """Give each heading its id, and return the headings."""
    found: list[TocEntry] = []
    used: dict[str, int] = {}
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        anchor = anchor_of(inline.content)
        number = used[anchor] = used.get(anchor, -1) + 1
        anchor = f"{anchor}-{number}" if number else anchor
        opening.attrSet("id", anchor)
        opening.meta["anchor"] = anchor
        found.append(TocEntry(level=int(opening.tag[1]), title=_text_of(inline), anchor=anchor))
    return found


def _without_empty_headings(tokens: list[Token]) -> list[Token]:
    """Make the empty headings of a table plain cells.

    If it has no other headings, the row is left out, and the first cells of the rows are headings.
    """
    made: list[Token] = []
    row: list[Token] = []
    is_head = is_bare = False
    for token in tokens:
        is_head = is_head or token.type == "thead_open"
        (row if is_head else made).append(token)
        if token.type == "thead_close":
            is_bare = not any(each.content for each in row if each.type == "inline")
            made += [] if is_bare else _plain_cells(row)
            row, is_head = [], False
        elif is_bare and token.type == "tr_close":
            _head_of_row(made)
        elif token.type == "table_close":
            is_bare = False
    return made


def _head_of_row(tokens: list[Token]) -> None:
    """Make the first cell of the row that ends these tokens its heading."""
    start = max(at for at, each in enumerate(tokens) if each.type == "tr_open")
    for kind in ("td_open", "td_close"):
        cell = next(each for each in tokens[start:] if each.type == kind)
        cell.tag = "th"
        if kind == "td_open":
            cell.attrSet("scope", "row")


def _plain_cells(row: list[Token]) -> list[Token]:
    for opening, inline in pairwise(row):
        if opening.type == "th_open" and not inline.content:
            opening.tag = "td"
    for inline, closing in pairwise(row):
        if closing.type == "th_close" and inline.type == "inline" and not inline.content:
            closing.tag = "td"
    return row


def _with_alerts(tokens: list[Token]) -> list[Token]:
    """Turn quotes that begin with `[!NOTE]` into remarks."""
    for number, token in enumerate(tokens):
        if token.type != "blockquote_open":
            continue
        inline = tokens[number + 2] if tokens[number + 1].type == "paragraph_open" else None
        mark = _ALERT.match(inline.content) if inline is not None else None
        if inline is None or mark is None or not inline.children:
            continue
        inline.children = _without_mark(inline.children, mark[1])
        token.attrSet("class", f"remark-box {mark[1].lower()}")
    return tokens


def _without_mark(children: list[Token], kind: str) -> list[Token]:
    rest = children[1:]
    if rest and rest[0].type in {"softbreak", "hardbreak"}:
        rest = rest[1:]
    title = Token("text", "", 0, content=f"{_ALERT_TITLES[kind]}: ")
    return [Token("strong_open", "strong", 1), title, Token("strong_close", "strong", -1), *rest]


def _with_tabs(tokens: list[Token]) -> list[Token]:
    """Join adjacent blocks that have a tab into one token."""
    made: list[Token] = []
    for is_tab, run in groupby(tokens, key=lambda each: bool(_fence_of(each).tab)):
        members = list(run)
        if is_tab and len(members) > 1:
            made.append(Token("tabs", "", 0, meta={"members": members, "number": len(made)}))
        else:
            made += members
    return made


def _fence_of(token: Token) -> Fence:
    return read_info(token.info) if token.type == "fence" else Fence(language="")


def _linked(children: list[Token], file: str, links: Links) -> list[Token]:
    """Rewrite links and images; a link to a file that is not on the site becomes plain text."""
    open_links: list[bool] = []
    for token in children:
        if token.type == "image":
            target = links.resolve(file, str(token.attrGet("src") or ""))
            token.attrSet("src", target or "")
            token.attrSet("loading", "lazy")
        elif token.type == "link_open":
            href = str(token.attrGet("href") or "")
            target = links.resolve(file, href)
            open_links.append(target is not None)
            if target is None:
                token.tag = "span"
                token.attrs = {"class": "file", "title": f"{href.lstrip('./')} in the repository"}
            else:
                token.attrSet("href", target)
        elif token.type == "link_close" and not open_links.pop():
            token.tag = "span"
    return children


def _fence(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401 - options and environment of markdown-it
    return _block(tokens[index].content, read_info(tokens[index].info))


def _code_block(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401 - as above
    text = tokens[index].content
    return _block(text, Fence(language=highlighting.guess(text)))


def _block(text: str, fence: Fence) -> str:
    """Return a block of code. It may be scrolled by keys, so it can be focused and has a name."""
    language = "text" if fence.language == _DIAGRAM else fence.language
    caption = _caption(fence)
    label = caption or highlighting.label_of(language)
    shown = f'<p class="code-label" aria-hidden="true">{escape(caption)}</p>' if caption else ""
    kind = " output" if fence.mode == "output" else ""
    code = highlighting.code_html(text, language)
    return (
        f'<div class="code{kind}">{shown}<pre tabindex="0" role="group" '
        f'aria-label="{escape(label or "Text")}"><code>{code}</code></pre></div>\n'
    )


def _caption(fence: Fence) -> str:
    """Return what is shown above a block; empty for one that the text introduces."""
    if fence.mode == "output":
        return "Output"
    if fence.mode == "file":
        return fence.value
    return "Diagram" if fence.language == _DIAGRAM else ""


def _tabs(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401 - as above
    """Return blocks of which one is shown, chosen by radio buttons."""
    number = tokens[index].meta["number"]
    buttons, panels = [], []
    for at, each in enumerate(tokens[index].meta["members"]):
        fence = read_info(each.info)
        name, checked = f"tabs-{number}", " checked" if at == 0 else ""
        buttons.append(
            f'<input type="radio" name="{name}" id="{name}-{at}"{checked}>'
            f'<label for="{name}-{at}">{escape(fence.tab)}</label>'
        )
        panels.append(f'<div class="tab-panel">{_block(each.content, fence)}</div>')
    return (
        f'<fieldset class="code-tabs"><legend class="hidden">Language of the example</legend>'
        f"{''.join(buttons)}{''.join(panels)}</fieldset>\n"
    )


def _table_open(*_: Any) -> str:  # noqa: ANN401 - as above
    return '<div class="table" tabindex="0" role="group" aria-label="Table"><table>\n'


def _table_close(*_: Any) -> str:  # noqa: ANN401 - as above
    return "</table></div>\n"


def _heading_close(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401 - as above
    opening = tokens[index - 2]
    anchor = escape(opening.meta.get("anchor", ""))
    link = f'<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'
    return f" {link}</{tokens[index].tag}>\n"


def _nothing(*_: Any) -> str:  # noqa: ANN401 - as above
    return ""


def _text_of(inline: Token) -> str:
    """Return the text of an inline token, without its markup."""
    return "".join(
        " " if each.type in {"softbreak", "hardbreak"} else each.content
        for each in inline.children or ()
        if each.type != "image"
    )


def _sections(tokens: Sequence[Token], toc: Sequence[TocEntry]) -> list[Section]:
    found = iter(toc)
    made: list[Section] = []
    title, anchor, parts = "", "", list[str]()
    is_heading = False
    for token in tokens:
        if token.type == "heading_open":
            made.append(Section(title=title, anchor=anchor, text=" ".join(parts)))
            entry = next(found)
            title, anchor, parts, is_heading = entry.title, entry.anchor, [], True
        elif token.type == "inline":
            if not is_heading:
                parts.append(_text_of(token))
            is_heading = False
        elif token.type in {"fence", "code_block"}:
            parts.append(token.content)
        elif token.type == "tabs":
            parts += [each.content for each in token.meta["members"]]
    made.append(Section(title=title, anchor=anchor, text=" ".join(parts)))
    return [each for each in made if each.title or each.text]


def _description(tokens: Sequence[Token]) -> str:
    for opening, inline in pairwise(tokens):
        if opening.type == "paragraph_open" and opening.level == 0:
            return _text_of(inline)
    return ""
