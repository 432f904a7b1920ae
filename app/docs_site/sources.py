"""Sources: the Markdown of each page, read from the repository and divided into pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from app.docs_site.manifest import HOME, PARTS, Entry, Group, Part

ROOT: Final = Path(__file__).parent.parent.parent
"""The root of the repository, whose Markdown files the pages are made from."""

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r"^(#{1,6}) +(.+?)(?: +#+)?$")
_COMMENT: Final = re.compile(r"^<!--(?:(?!-->).)*-->\n", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading of a file."""

    level: int
    text: str
    line: int
    """Its line, counted from 0."""

    @property
    def anchor(self) -> str:
        """The fragment with which a code host links to it."""
        return anchor_of(self.text)


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as code hosts name it."""
    bare = _LINK.sub(r"\1", heading)
    return re.sub(r"[^\w\- ]", "", bare.lower()).replace(" ", "-")


def headings(lines: list[str]) -> Iterator[Heading]:
    """Find the headings outside fenced code blocks."""
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
        elif not fence and (found := _HEADING.match(line)):
            yield Heading(level=len(found[1]), text=found[2], line=number)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The Markdown of a page, without its title."""

    slug: str
    file: str
    """The file that it comes from, from the root of the repository; empty if it is generated."""
    title: str
    name: str
    """The title that the navigation shows."""
    top: str
    """The anchor of the title, which the page shows without an anchor."""
    text: str = field(repr=False)
    anchors: frozenset[str] = field(default=frozenset(), repr=False)
    """The anchors of the file that lead to this page."""

    @cached_property
    def markdown(self) -> str:
        """The Markdown of the whole page, with its title."""
        return f"# {self.title}\n\n{self.text.strip()}\n"


def anchors(source: Source) -> Iterator[tuple[str, str]]:
    """Return the anchor and the text of each heading of a page; of equal ones, the first anchor."""
    for each in headings(source.text.splitlines()):
        yield each.anchor, _LINK.sub(r"\1", each.text).replace("`", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """The lines of a section of the second level, or of what precedes the first one."""

    title: str
    """Empty for what precedes the first section."""
    start: int
    end: int


def read_entries(whole: str, entries: list[Entry]) -> Iterator[Source]:
    """Make the pages of the text of one file, which all of these entries name."""
    lines = _COMMENT.sub("", whole).splitlines()
    found = list(headings(lines))
    taken = {name for entry in entries for name in entry.sections}
    sections = _sections(found, len(lines))
    for entry in entries:
        own = [
            each
            for each in sections
            if (each.title in entry.sections if entry.sections else each.title not in taken)
        ]
        yield _page(entry, lines, found, own)


def _sections(found: list[Heading], end: int) -> list[_Section]:
    starts = [("", 0)]
    starts += [(each.text, each.line) for each in found if each.level == 2]  # noqa: PLR2004 - the level
    ends = [*(line for _, line in starts[1:]), end]
    return [
        _Section(title=title, start=line, end=until)
        for (title, line), until in zip(starts, ends, strict=True)
    ]


def _page(entry: Entry, lines: list[str], found: list[Heading], own: list[_Section]) -> Source:
    """Return the page of these sections. A section alone is a page with its own title."""
    pieces = [lines[each.start : each.end] for each in own]
    if len(own) == 1 and own[0].title:
        title, body = own[0].title, _promoted(pieces[0])
    else:
        title = next((each.text for each in found if each.level == 1), entry.slug)
        title = entry.title or title if entry.sections else title
        titles = {each.line for each in found if each.level == 1}
        body = [
            line
            for each in own
            for number, line in enumerate(lines[each.start : each.end], each.start)
            if number not in titles
        ]
    return Source(
        slug=entry.slug,
        file=entry.file,
        title=title,
        name=entry.title or title,
        text="\n".join(body),
        top=anchor_of(title),
        anchors=frozenset(
            each.anchor for each in found if any(s.start <= each.line < s.end for s in own)
        ),
    )


def _promoted(lines: list[str]) -> list[str]:
    """Return the lines of a section without its heading, and with the others a level higher."""
    numbers = {each.line for each in headings(lines)}
    return [line[1:] if n in numbers else line for n, line in enumerate(lines) if n]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All pages, in the order of the navigation, and how links lead to them."""

    parts: tuple[Part, ...]
    pages: Mapping[str, Source] = field(repr=False)
    """By their slugs."""
    by_file: Mapping[str, tuple[Source, ...]] = field(repr=False)

    def page_of(self, file: str, anchor: str) -> Source | None:
        """Return the page that shows an anchor of a file; its first page for an unknown one."""
        pages = self.by_file.get(file, ())
        return next((each for each in pages if anchor in each.anchors), pages[0] if pages else None)


def decisions(root: Path) -> Group:
    """Return the group of the pages of decisions: the index, then each of them."""
    folder = root / "docs" / "decisions"
    entries = [Entry(slug="explain/decisions", file="docs/decisions/README.md", title="Decisions")]
    entries += [
        Entry(slug=f"explain/decisions/{path.stem}", file=f"docs/decisions/{path.name}")
        for path in sorted(folder.glob("0*.md"))
    ]
    return Group(title="Decisions", entries=tuple(entries), folded=True)


def _unlisted(root: Path) -> Group:
    """Return the group of the pages directly below docs/ that the manifest does not name."""
    listed = {entry.file for part in PARTS for group in part.groups for entry in group.entries}
    found = (path.relative_to(root).as_posix() for path in sorted((root / "docs").glob("*.md")))
    entries = tuple(
        Entry(slug=f"reference/{Path(file).stem}", file=file)
        for file in found
        if file not in listed and file != HOME.file
    )
    return Group(title="Further pages", entries=entries)


def problem_pages(root: Path) -> Group:
    """Return the group of the pages of problem types, by their codes."""
    folder = root / "docs" / "problems"
    entries = [
        Entry(slug=f"problems/{path.stem}", file=f"docs/problems/{path.name}")
        for path in sorted(folder.glob("*.md"))
        if path.name != "README.md"
    ]
    first = Entry(slug="problems", file="docs/problems/README.md", title="Problem types")
    return Group(title="Problem types", entries=(first, *entries), folded=True)


def read(root: Path = ROOT, *, made: Mapping[str, str], groups: tuple[Group, ...]) -> Listing:
    """Read all pages of the manifest whose files exist. Raises OSError.

    `groups` of the reference have pages that are not files, and `made` their Markdown.
    """
    complete = [replace(part, groups=_complete(root, part, groups)) for part in PARTS]
    parts = tuple(part for each in complete if (part := _present(root, made, each)).groups)
    entries = [HOME, *(e for part in parts for group in part.groups for e in group.entries)]
    by_file: dict[str, list[Entry]] = {}
    for entry in entries:
        by_file.setdefault(entry.file, []).append(entry)
    sources = {
        file: tuple(read_entries(made.get(file) or (root / file).read_text("utf-8"), each))
        for file, each in by_file.items()
    }
    by_slug = {each.slug: each for pages in sources.values() for each in pages}
    return Listing(
        parts=parts, pages={entry.slug: by_slug[entry.slug] for entry in entries}, by_file=sources
    )


def _complete(root: Path, part: Part, groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Return the groups of a part with those that the manifest does not list."""
    if part.slug == "reference":
        first, *others = part.groups
        return (first, *groups, problem_pages(root), *others, _unlisted(root))
    return (*part.groups, decisions(root)) if part.slug == "explain" else part.groups


def _present(root: Path, made: Mapping[str, str], part: Part) -> Part:
    """Return the part with the pages whose files exist."""
    groups = (
        replace(
            group,
            entries=tuple(e for e in group.entries if e.file in made or (root / e.file).is_file()),
        )
        for group in part.groups
    )
    return replace(part, groups=tuple(each for each in groups if each.entries))
