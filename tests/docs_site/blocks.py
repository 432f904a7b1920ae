"""Blocks: the fenced code of a page, and a script that executes it in the order of the page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.docs_site.fences import Fence, read_info

PATIENCE_S = 60
PORT = "9000"
"""The port of the receivers of all pages, in place of which a free one is used."""

BASE = "http://127.0.0.1:8000"
"""The address of Wakecall in outputs."""

_COMMANDS = {"sh": "", "python": "python3", "js": "node"}
_ANYTHING = "…"
# What differs from one execution to the next. Instants after 2026 are part of what is asserted.
_VOLATILE = (
    (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", r"[0-9a-f-]{36}"),
    (r"2026-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", r"20\d\d-\S+(?:Z|:\d\d)"),
    (r"\d+\.\d+", r"[\d.e-]+"),
    (r"2026[a-z]", r"20\d\d[a-z]"),
    (r"whsec_[\w+/=]+", r"whsec_[\w+/=]+"),
    (r"wk_\w+", r"wk_\w+"),
    (r"4Ck0bGZy7T|0aQ8xTz31k", r"\w{10}"),
    (r"/in/\w{20,}", r"/in/[\w-]+"),
    (r"v1,[\w+/=]{20,}", r"v1,[\w+/=]+"),
    (r"demo", r"demo(?:-\d+)?"),
    (re.escape(BASE), r"http://127\.0\.0\.1:\d+"),
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    fence: Fence
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path, root: Path) -> list[Block]:
    """The fenced blocks of a Markdown file, in its order."""
    return [
        Block(
            page=path.relative_to(root).as_posix(),
            line=(token.map or [0])[0] + 1,
            fence=read_info(token.info),
            text=token.content,
        )
        for token in _tokens(path)
        if token.type == "fence"
    ]


def indented_in(path: Path) -> list[int]:
    """The lines at which blocks of code begin that have no fence, and so no mark."""
    return [(token.map or [0])[0] + 1 for token in _tokens(path) if token.type == "code_block"]


def _tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text())


def script_of(blocks: list[Block], folder: Path, instead: Mapping[str, str]) -> str:
    """A script for bash that executes the blocks, and writes what each prints to a file.

    `instead` has what is put in place of texts of the page, such as the port of a receiver.
    """
    lines = ["set -eo pipefail", f"cd {shlex.quote(str(folder))}"]
    for number, block in enumerate(blocks):
        text = block.text
        for shown, used in instead.items():
            text = text.replace(shown, used)
        out = f"out-{number}"
        if block.fence.mode == "file":
            (folder / block.fence.value).write_text(text)
        elif block.fence.mode == "output" and block.fence.value == "background":
            lines += list(_waiting(f"[ -s out-{_background_before(blocks, number)} ]"))
        elif block.fence.mode == "run":
            command = _COMMANDS[block.fence.language]
            if command:
                (folder / f"block-{number}").write_text(text)
                text = f"{command} block-{number}\n"
            if block.fence.value == "background":
                lines += [f"( {text.strip()} ) >{out} 2>err-{number} &", 'started="$started $!"']
                lines += list(_waiting(f"(exec 3<>/dev/tcp/127.0.0.1/{instead[PORT]}) 2>/dev/null"))
            else:
                lines.append(
                    f"{{\n{text}}} >{out} 2>err-{number} || {{ cat err-{number} >&2; exit 9; }}"
                )
    # Each background block is a subshell, whose program is its child.
    lines.append(
        'for each in $started; do pkill -P "$each" || kill "$each"; done 2>/dev/null || true'
    )
    return "\n".join(lines) + "\n"


def _waiting(condition: str) -> Iterator[str]:
    yield f"for i in $(seq {PATIENCE_S * 20}); do {condition} && break; sleep 0.05; done"


def _background_before(blocks: list[Block], number: int) -> int:
    return next(
        at
        for at in range(number, -1, -1)
        if (blocks[at].fence.mode, blocks[at].fence.value) == ("run", "background")
    )


def mismatches(blocks: list[Block], folder: Path) -> list[str]:
    """The outputs that differ from what their pages show."""
    found = []
    for number, block in enumerate(blocks):
        if block.fence.mode != "output":
            continue
        if block.fence.value == "background":
            before = _background_before(blocks, number)
        else:
            before = max(at for at in range(number) if blocks[at].fence.mode == "run")
        printed = (folder / f"out-{before}").read_text()
        if not re.fullmatch(pattern_of(block.text), printed.strip(), re.DOTALL):
            found.append(f"{block.where} shows\n{block.text}\nbut it is\n{printed}")
    return found


def pattern_of(shown: str) -> str:
    """A pattern for what a page shows as output: volatile values differ, and … is anything."""
    patterns = [(re.compile(seen), instead) for seen, instead in _VOLATILE]
    made, at = [], 0
    text = shown.strip()
    while at < len(text):
        if text[at] == _ANYTHING:
            made.append(".*?")
            at += 1
            continue
        for pattern, instead in patterns:
            hit = pattern.match(text, at)
            if hit is not None and not (at and text[at - 1].isalnum() and text[at].isalnum()):
                made.append(instead)
                at = hit.end()
                break
        else:
            made.append(re.escape(text[at]))
            at += 1
    return "".join(made)
