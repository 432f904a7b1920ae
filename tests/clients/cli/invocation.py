"""Invocation: runs the command line in this process, on a terminal or without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from click.testing import CliRunner

from tests.api.golden import golden
from wakecall.cli.config import Surroundings
from wakecall.cli.main import main
from wakecall.cli.world import World

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
URL = "https://wakecall.test"
KEY = "wk_key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a command printed, and the code with which it ended."""

    code: int
    out: str
    err: str
    raw: bytes = b""
    """The bytes of standard output."""

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document on standard error, where nothing else may be."""
        assert self.out == ""
        found: dict[str, Any] = json.loads(self.err)
        return found


@dataclass(kw_only=True, slots=True)
class Commands:
    """Runs commands against one service, with a home and a folder of their own."""

    transport: httpx2.BaseTransport | None
    """None for the network."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = lambda: NOW
    keyboard: int = -1
    opened: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def run(
        self,
        *arguments: str,
        terminal: bool = False,
        columns: int = 100,
        given: str | bytes | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> Result:
        """Run a command; `given` is its standard input, which a person types on a terminal."""
        world = World(
            around=Surroundings(environ=self.environ, folder=self.home / "folder", home=self.home),
            clock=self.clock,
            sleep=sleep or self.slept.append,
            transport=self.transport,
            shows_tables=lambda: terminal,
            can_ask=lambda: terminal,
            columns=lambda: columns,
            keyboard=lambda: self.keyboard,
            open_page=self._open,
        )
        done = CliRunner().invoke(main, arguments, obj=world, input=given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(code=done.exit_code, out=done.stdout, err=done.stderr, raw=done.stdout_bytes)

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    def person(self, *arguments: str, columns: int = 100, given: str | None = None) -> Result:
        """Run a command on a terminal."""
        return self.run(*arguments, terminal=True, columns=columns, given=given)


Answers = Mapping[tuple[str, str], str | tuple[int, Any]]


@dataclass(slots=True)
class Canned:
    """Answers with golden documents, or with given ones, by method and path."""

    answers: dict[tuple[str, str], str | tuple[int, Any] | Callable[[httpx2.Request], Any]]
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers[request.method, request.url.path]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, str):
            return httpx2.Response(200, content=golden(f"{answer}.response.json"))
        status, document = answer
        if isinstance(document, Exception):
            raise document
        kind = "application/problem+json" if status >= 400 else "application/json"
        body = b"" if document is None else json.dumps(document).encode()
        return httpx2.Response(status, content=body, headers={"Content-Type": kind})

    def sent(self) -> Any:
        """The document of the last request."""
        return json.loads(self.requests[-1].content)
