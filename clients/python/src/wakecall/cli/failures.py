"""Failures: what ends a command early, the exit code of each, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, Final

import click

from wakecall import errors
from wakecall.cli import escapes


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    REFUSED = 1
    """The service refused, some of it failed, or the run waited for failed or is not over."""
    USAGE = 2
    WRONG_FILE = 3
    """wakecall.toml is wrong."""
    UNAUTHENTICATED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    UNREACHED = 7
    """There was no answer: the request may have been executed."""
    UNAVAILABLE = 8
    """Rate-limited or unavailable, also after retries."""
    CHANGES = 9
    """`plan --detect` found changes."""
    INTERRUPTED = 130


class Failure(click.ClickException):
    """Ends a command with a problem that this program found itself."""

    def __init__(
        self, code: Exit, title: str, detail: str, remedy: str = "", *, errors: Sequence[str] = ()
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.title = title
        self.remedy = remedy
        self.errors = errors

    def document(self) -> dict[str, Any]:
        """The failure in the form of a problem document (RFC 9457).

        The member `errors` has the parts of a failure that consists of several.
        """
        found = _document(self.title, self.message, self.remedy)
        return {**found, "errors": list(self.errors)} if self.errors else found


_ABOUT_KEYS: Final = " Send the corrected request with a new Idempotency-Key"

_CODES: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (errors.NotConfigured, Exit.UNAUTHENTICATED),
    (errors.Unauthenticated, Exit.UNAUTHENTICATED),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.Conflict, Exit.CONFLICT),
    (errors.RateLimited, Exit.UNAVAILABLE),
    (errors.Unavailable, Exit.UNAVAILABLE),
    (errors.Unreachable, Exit.UNREACHED),
    (errors.NoAnswer, Exit.UNREACHED),
)


def unexpected(error: Exception, arguments: Sequence[str]) -> Failure:
    """Return the failure that stands for an error which this program did not expect.

    Python gives arguments that are not UTF-8 as texts that cannot be sent.
    """
    if isinstance(error, UnicodeEncodeError):
        for each in arguments:
            if each != each.encode("utf-8", "replace").decode():
                return Failure(Exit.USAGE, "Wrong usage", f"The argument {each!r} is not UTF-8.")
    return Failure(
        Exit.REFUSED,
        "Defect",
        f"This is a defect of the command: {type(error).__name__}: {error}",
        "Run it again with --debug, and report the traceback.",
    )


def exit_code(error: Exception) -> int:
    """Return the exit code for an error."""
    if isinstance(error, Failure):
        return error.code
    if isinstance(error, click.ClickException):
        return error.exit_code
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.REFUSED)


def document_of(error: Exception) -> dict[str, Any]:
    """Return the problem document of an error: that of the service, if it sent one."""
    match error:
        case Failure():
            return error.document()
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "wakecall"
            return _document("Wrong usage", error.format_message(), f"See `{command} --help`.")
        case click.ClickException():
            return _document("Failed", error.format_message(), "")
        case errors.ProblemError(problem=problem) if problem.document:
            return dict(problem.document)
        case errors.WakecallError():
            return _document("Not answered", f"{error}", repeat_hint(error))
        case _:
            return _document("Failed", f"{error}", "")


def show(error: Exception, *, as_json: bool) -> None:
    """Print an error on standard error: as a problem document, or in a line or two."""
    if as_json:
        click.echo(escapes.document(document_of(error), indent=2), err=True)
    elif isinstance(error, click.UsageError):
        error.show()
    else:
        click.echo(escapes.lines("\n".join(_lines(error))), err=True)


def repeat_hint(error: errors.WakecallError) -> str:
    """Return how to repeat a request that may have been executed; empty for any other."""
    if not error.may_be_done or not error.idempotency_key:
        return ""
    return f"To repeat it without doing it twice, add --idempotency-key {error.idempotency_key}"


def _lines(error: Exception) -> Iterator[str]:
    text = error.format_message() if isinstance(error, click.ClickException) else f"{error}"
    # Each invocation has a key of its own, so that this advice has no meaning here.
    yield f"wakecall: {text.partition(_ABOUT_KEYS)[0]}"
    if isinstance(error, Failure) and error.remedy:
        yield error.remedy
    if isinstance(error, errors.ProblemError) and error.request_id:
        yield f"The id of the request is {error.request_id}."
    if isinstance(error, errors.WakecallError) and (hint := repeat_hint(error)):
        yield hint


def _document(title: str, detail: str, remedy: str) -> dict[str, Any]:
    found = {"type": "about:blank", "title": title, "detail": detail, "remedy": remedy}
    return {name: value for name, value in found.items() if value}
