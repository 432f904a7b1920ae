"""Bulk: does one thing to several objects, and tells what was done and what was not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from wakecall import errors
from wakecall.cli import failures
from wakecall.cli.output import Json
from wakecall.cli.session import Session


def each(
    session: Session,
    references: Sequence[str],
    act: Callable[[str], Json],
    sentence: Callable[[str, Json], str],
) -> int:
    """Act on each reference in turn; print each result; return the exit code.

    A refusal of one does not stop the others. With one reference, its error ends the command.
    """
    if len(references) == 1:
        _show(session, references[0], act(references[0]), sentence)
        return failures.Exit.DONE
    failed = 0
    for reference in references:
        try:
            _show(session, reference, act(reference), sentence)
        except errors.ProblemError as error:
            failed += 1
            failures.show(error, as_json=session.options.is_json)
    if failed:
        click.echo(f"{failed} of {len(references)} failed.", err=True)
        return failures.Exit.REFUSED
    return failures.Exit.DONE


def _show(
    session: Session, reference: str, result: Json, sentence: Callable[[str, Json], str]
) -> None:
    if result is not None:
        session.out.one(result, sentence(reference, result))
    elif not session.options.is_json and session.out.format == "table":
        session.out.line(sentence(reference, result))
