"""Main: the command `wakecall`, to which each module of this room adds its commands."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import click

from wakecall import errors
from wakecall.cli import failures
from wakecall.cli.account import accuracy, status, whoami
from wakecall.cli.book import book
from wakecall.cli.completion import completion
from wakecall.cli.endpoints import app, runner
from wakecall.cli.import_crontab import import_crontab
from wakecall.cli.import_curl import import_curl
from wakecall.cli.inbox import inbox
from wakecall.cli.jobs import job
from wakecall.cli.keys import key
from wakecall.cli.listen import listen
from wakecall.cli.login import login, logout
from wakecall.cli.mcp_server import mcp
from wakecall.cli.options import Group, Root
from wakecall.cli.plan import apply, plan, validate
from wakecall.cli.preview import preview
from wakecall.cli.pull import pull
from wakecall.cli.raw import open_page, send_request
from wakecall.cli.redeliver import redeliver
from wakecall.cli.runs import run
from wakecall.cli.secrets import secret
from wakecall.cli.signing import sign, verify
from wakecall.cli.upcoming import upcoming
from wakecall.cli.version import version


@click.group("import", cls=Group)
def import_() -> None:
    """Read bookings of other programs. Nothing is booked: the result is printed."""


COMMANDS: Final[tuple[click.Command, ...]] = (
    book,
    job,
    run,
    redeliver,
    upcoming,
    preview,
    listen,
    inbox,
    validate,
    plan,
    apply,
    pull,
    import_,
    verify,
    sign,
    secret,
    key,
    app,
    runner,
    accuracy,
    login,
    logout,
    whoami,
    status,
    send_request,
    open_page,
    mcp,
    completion,
    version,
)
"""The commands of `wakecall`, in the order of its help."""

IMPORTS: Final[tuple[click.Command, ...]] = (import_curl, import_crontab)
"""The commands of `wakecall import`."""


class Main(Root):
    """The command `wakecall`: runs a command, prints its failure, and exits with its code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Return the names of the commands in the order of COMMANDS."""
        return [each.name or "" for each in COMMANDS]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - as click calls it
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002 - as click calls it
        **extra: Any,  # noqa: ANN401 - as click calls it
    ) -> Any:  # noqa: ANN401 - as click calls it
        """Run a command and exit. A failure is printed on standard error."""
        arguments = list(sys.argv[1:] if args is None else args)
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal may have an encoding without the marks of tables, or what others wrote.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            code = super().main(
                arguments,
                prog_name or "wakecall",
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except (click.exceptions.Abort, KeyboardInterrupt):
            click.echo("Interrupted.", err=True)
            code = failures.Exit.INTERRUPTED
        except (click.ClickException, errors.WakecallError) as error:
            failures.show(error, as_json=wants_json(arguments))
            code = failures.exit_code(error)
        except Exception as error:
            if "--debug" in arguments:
                raise
            failure = failures.unexpected(error, arguments)
            failures.show(failure, as_json=wants_json(arguments))
            code = failure.code
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else failures.Exit.DONE)


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether these arguments ask for JSON, also where they cannot be parsed."""
    forms = {f"{option}{form}" for option in ("-o", "--output=") for form in ("json", "jsonl")}
    pairs = pairwise(arguments)
    return (
        "--json" in arguments
        or not forms.isdisjoint(arguments)
        or any(first in ("-o", "--output") and then in ("json", "jsonl") for first, then in pairs)
    )


@click.group(
    "wakecall",
    cls=Main,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def main() -> None:
    """Book wake-up calls, and see what became of them."""


for _each in IMPORTS:
    import_.add_command(_each)
for _each in COMMANDS:
    main.add_command(_each)
