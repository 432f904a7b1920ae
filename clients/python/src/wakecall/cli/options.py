"""Options: those that every command takes, before the command's name or after it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from wakecall.cli.suggestions import unknown_command
from wakecall.cli.times import parse_span

FORMATS: Final = ("table", "tsv", "csv", "json", "jsonl", "id")
_META: Final = f"{__name__}.options"
_FORMAT_HELP: Final = (
    "How to print: a table (the default on a terminal), tsv (the default elsewhere), csv, the "
    "JSON of the API, jsonl (one document a line), or the ids alone."
)


@dataclass(slots=True)
class Options:
    """What the shared options of one invocation are set to."""

    url: str | None = None
    profile: str | None = None
    key_file: Path | None = None
    output: str | None = None
    columns: str | None = None
    zone: str | None = None
    """A name of the IANA database, as given by --tz; None if it was not given."""
    timeout: float = 10.0
    utc: bool = False
    no_header: bool = False
    no_color: bool = False
    no_input: bool = False
    yes: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False

    @property
    def is_json(self) -> bool:
        """Whether programs read what is printed: failures are then problem documents."""
        return self.output in ("json", "jsonl")


def options_of(context: click.Context) -> Options:
    """Return what the shared options are set to, which all contexts of an invocation share."""
    found: Options = context.meta.setdefault(_META, Options())
    return found


def _set(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep an option that was given; one before the command's name stays unless given again."""
    if value is None or value is False:
        return
    if isinstance(value, float):
        finite(context, parameter, value)
    options = options_of(context)
    if parameter.name == "as_json":
        options.output = "json"
    else:
        setattr(options, parameter.name or "", value)


def _shared(*, hidden: bool) -> list[click.Option]:
    flag: dict[str, Any] = {"is_flag": True, "default": False}
    specifications: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("--url",), {"metavar": "URL", "help": "The address of the service."}),
        (("--profile",), {"metavar": "NAME", "help": "A profile that `wakecall login` saved."}),
        (
            ("--key-file",),
            {
                "type": click.Path(path_type=Path, dir_okay=False, allow_dash=True),
                "help": "A file with the API key; - is standard input.",
            },
        ),
        (("-o", "--output"), {"type": click.Choice(FORMATS), "help": _FORMAT_HELP}),
        (("--json", "as_json"), {**flag, "help": "The same as -o json."}),
        (("--columns",), {"metavar": "A,B", "help": "Print these columns, in this order."}),
        (("--no-header",), {**flag, "help": "Print no line with the names of the columns."}),
        (("--utc",), {**flag, "help": "Read and show times in UTC."}),
        (
            ("--tz", "zone"),
            {"metavar": "ZONE", "help": "Read and show times in this zone: Europe/Berlin."},
        ),
        (
            ("--timeout",),
            {
                "type": click.FloatRange(min=0, min_open=True, max=3600),
                "metavar": "SECONDS",
                "help": "How long to wait for an answer; 10 by default.",
            },
        ),
        (("--no-input",), {**flag, "help": "Never ask, even on a terminal."}),
        (("-y", "--yes"), {**flag, "help": "Go on where a command would ask."}),
        (("--no-color",), {**flag, "help": "Print without colours, as with NO_COLOR."}),
        (("-q", "--quiet"), {**flag, "help": "Print no hints and no progress."}),
        (
            ("-v", "--verbose"),
            {**flag, "help": "Print each request with its status and id on standard error."},
        ),
        (("--debug",), {**flag, "help": "Print a traceback if the command itself is defective."}),
    ]
    return [
        click.Option(names, expose_value=False, callback=_set, hidden=hidden, **settings)
        for names, settings in specifications
    ]


_SHOWN: Final = tuple(_shared(hidden=False))
_HIDDEN: Final = tuple(_shared(hidden=True))


def _joined(own: list[click.Parameter], shared: tuple[click.Option, ...]) -> list[click.Parameter]:
    """Return parameters with the shared options, but for those that the command has itself."""
    names = {name for each in own for name in each.opts}
    return [*own, *(each for each in shared if names.isdisjoint(each.opts))]


class Command(click.Command):
    """A command that also takes the shared options, which its own help does not repeat."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters of the command and the shared options."""
        return _joined(super().get_params(ctx), _HIDDEN)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog, and where the shared options are described."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Every command also takes the options of `wakecall --help`.")


class Group(click.Group):
    """A group of commands that take the shared options."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named. Raises UsageError, with what may have been meant."""
        word = args[0]
        is_option = word.startswith("-")
        if self.get_command(ctx, word) is None and not is_option and not ctx.resilient_parsing:
            raise click.UsageError(unknown_command(ctx, word), ctx)
        return super().resolve_command(ctx, args)


class Root(Group):
    """The command `wakecall`, which shows the shared options in its help."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the shared options."""
        return _joined(super().get_params(ctx), _SHOWN)


def idempotency_key() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that repeats a request whose answer did not arrive."""
    return click.option(
        "--idempotency-key",
        metavar="KEY",
        help="Repeat an earlier request: with the same key it is done once.",
    )


def finite(_context: click.Context, _option: click.Parameter, number: float | None) -> float | None:
    """Return the value of an option that is a number. Raises click's errors for nan and inf."""
    if number is not None and not math.isfinite(number):
        raise click.BadParameter(f"{number} is not a number.")
    return number


def span(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    """Read the value of an option that is a span of time. Raises click's errors."""
    try:
        return None if text is None else parse_span(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}") from None
