"""Command: what `make fuzz` does: first drawn requests, then texts for every parser."""

from __future__ import annotations

import io
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.api.openapi import fuzz as descriptions
from tests.arguments import having, of_environment
from tests.fuzz import corpus
from tests.fuzz.parser import Parser
from tests.fuzz.parsers import PARSERS
from tests.fuzz.parsers.answers import answers
from tests.fuzz.parsers.requests import parsers_of, requests_to
from tests.fuzz.search import THOROUGH, Finding, Search

MAX_FINDINGS: Final = 20
_SHARE: Final = 0.5
"""Of the time that drawn requests have."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the environment asks for."""

    minutes: float
    seed: int
    only: str
    """A part of the names of the parsers to run; empty for all, and for drawn requests."""
    keeps: bool
    """Whether to keep in the corpus what reaches new lines."""

    @staticmethod
    def read(environ: Mapping[str, str]) -> Asked:
        """FUZZ_MINUTES (10), FUZZ_SEED (drawn), FUZZ_ONLY and FUZZ_KEEP. May exit."""
        drawn = random.SystemRandom().randrange(2**32)
        return Asked(
            minutes=of_environment(environ, "FUZZ_MINUTES", 10.0, least=0.01, kind=float),
            seed=of_environment(environ, "FUZZ_SEED", drawn, least=0, kind=int),
            only=environ.get("FUZZ_ONLY", ""),
            keeps=bool(environ.get("FUZZ_KEEP")),
        )


@dataclass(kw_only=True)
class Progress:
    """What was tried and found so far."""

    tried: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Parsers with a finding, which are not tried again in this run."""

    def line(self, lap: int, until: float) -> str:
        """One line for people."""
        left = max(0, until - time.monotonic())
        return (
            f"lap {lap}: {self.tried.total()} texts for {len(self.tried)} parsers, "
            f"{len(self.findings)} findings, {left:.0f} s left"
        )


def search_all(parsers: Mapping[str, Parser], asked: Asked, until: float) -> Progress:
    """Search in laps, each of which gives every parser a turn, until the clock shows `until`."""
    progress, lap = Progress(), 0
    while time.monotonic() < until and len(progress.findings) < MAX_FINDINGS:
        lap += 1
        for name, parser in parsers.items():
            if time.monotonic() > until or name in progress.broken:
                continue
            search = Search(
                name=name,
                parser=parser,
                drawn_from=f"{asked.seed}/{lap}",
                kept=corpus.load(name),
            )
            found = search.run(THOROUGH, until=until)
            progress.tried[name] += search.tried
            progress.findings += found
            if found:
                progress.broken.add(name)
            elif asked.keeps:
                corpus.save(name, corpus.worth_keeping(parser, search.texts))
        say(progress.line(lap, until))
        if len(progress.broken) == len(parsers):
            break
    return progress


@contextmanager
def all_parsers() -> Iterator[dict[str, Parser]]:
    """All parsers, with the servers that some need."""
    with ExitStack() as stack:
        app, key = stack.enter_context(descriptions.served())
        made = stack.enter_context(requests_to(app, key))
        of_receivers = stack.enter_context(answers())
        yield {**PARSERS, **parsers_of(made), **of_receivers}


def main() -> int:
    """Run as the environment asks; return 1 if anything was found."""
    warnings.simplefilter("error")
    # A file that a curl command names as `-` is the standard input.
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    asked = Asked.read(os.environ)
    say(f"FUZZ_SEED={asked.seed}, {asked.minutes:g} minutes")
    began, seconds, code = time.monotonic(), asked.minutes * 60, 0
    if not asked.only:
        code = descriptions.run(asked.seed, until=began + seconds * _SHARE)
    with all_parsers() as parsers:
        chosen = {name: parsers[name] for name in having(asked.only, parsers)}
        progress = search_all(chosen, asked, began + seconds)
    for each in progress.findings:
        say(f"\n{each}")
    say(f"{progress.tried.total()} texts, {len(progress.findings)} findings")
    return 1 if progress.findings else code


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
