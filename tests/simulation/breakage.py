"""Breakage: a fault that is planted in the service while a block of code runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from app.store.queries import SQL
from tests.simulation.left_to_workers import left_to_workers


@dataclass(frozen=True, slots=True)
class Breakage:
    """One fault: a statement that is written otherwise, or a function that does otherwise."""

    name: str
    statement: str = ""
    old: str = ""
    new: str = ""
    patch: Callable[[], Any] | None = None
    also: tuple[Breakage, ...] = ()
    """What is planted instead, all of it together."""
    kinds: tuple[str, ...] = ()
    """The kinds of items that are played to find it; empty: all of a seed."""
    by_workers: bool = False
    """Whether schedulers leave one-time jobs to the workers meanwhile."""
    held_by: str = ""
    """The second rule that keeps the promise nevertheless; empty if there is none."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The service with this fault in it. Raises ValueError where there is no such text."""
        with ExitStack() as stack:
            if self.by_workers:
                stack.enter_context(left_to_workers())
            for each in self.also:
                stack.enter_context(each.planted())
            if not self.also:
                stack.enter_context(self._planted_alone())
            yield

    @contextmanager
    def _planted_alone(self) -> Iterator[None]:
        if self.patch is not None:
            with self.patch():
                yield
            return
        text = SQL[self.statement]
        if self.old not in text:
            raise ValueError(f"{self.name}: {self.statement} has no {self.old!r}")
        with patch.dict(SQL, {self.statement: text.replace(self.old, self.new)}):
            yield
