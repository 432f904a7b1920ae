"""Endpoints: the commands that list, set and remove Dapr apps and Fusion runners."""

from __future__ import annotations

from pathlib import Path

import click

from wakecall.cli import booking, bulk, views
from wakecall.cli.options import Group
from wakecall.cli.output import Column, Json
from wakecall.cli.session import Session, parsed, pass_session

_CREATED = 201


@click.group(cls=Group)
def app() -> None:
    """List, set and remove Dapr apps: the receivers of jobs booked through Dapr."""


@app.command("list")
@pass_session
def list_apps(session: Session) -> None:
    """List the Dapr apps of the account by id."""
    session.out.rows(
        session.list("/1/dapr-apps"),
        [
            Column("id", lambda each: each["id"]),
            Column("url", lambda each: each["url"]),
            Column("protocol", lambda each: each.get("protocol")),
            Column("token", lambda each: bool(each.get("hasToken"))),
        ],
    )


@app.command("get")
@click.argument("app_id", metavar="APP")
@pass_session
def get_app(session: Session, app_id: str) -> None:
    """Show a Dapr app."""
    found = session.ask("GET", views.path_of("dapr-apps", app_id))
    session.out.fields(found, list(found.items()))


@app.command("set")
@click.argument("app_id", metavar="APP")
@click.argument("target", metavar="URL")
@click.option("--protocol", type=click.Choice(["http", "grpc"]), help="How it is called; http.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="A file with the token that is sent along as dapr-api-token; - is standard input.",
)
@click.option("--keep-token", is_flag=True, help="Keep the token that is stored.")
@pass_session
def set_app(
    session: Session,
    *,
    app_id: str,
    target: str,
    protocol: str | None,
    token_file: Path | None,
    keep_token: bool,
) -> None:
    """Create a Dapr app, or replace it: without a token of its own it has none afterwards."""
    document: dict[str, Json] = {"url": target, "protocol": protocol}
    if token_file is not None:
        document["token"] = _token(token_file)
    elif keep_token:
        document["hasToken"] = True
    answer = session.send("PUT", views.path_of("dapr-apps", app_id), document=document)
    word = "Created" if answer.status == _CREATED else "Replaced"
    session.out.one(parsed(answer), f"{word} the app {app_id}.")


def _token(path: Path) -> str:
    """Return the token in a file. Raises click's errors for a file that has none."""
    try:
        found = booking.read_bytes(path, "--token-file").decode().strip()
    except UnicodeDecodeError:
        found = ""
    if not found:
        raise click.BadParameter(f"{path} does not hold a token.", param_hint="--token-file")
    return found


@app.command("rm")
@click.argument("ids", metavar="APP...", nargs=-1, required=True)
@pass_session
def remove_apps(session: Session, ids: tuple[str, ...]) -> int:
    """Delete Dapr apps that have no jobs."""
    return bulk.each(
        session,
        ids,
        lambda each: session.ask("DELETE", views.path_of("dapr-apps", each)),
        lambda each, _: f"Deleted the app {each}.",
    )


@click.group(cls=Group)
def runner() -> None:
    """List, set and remove Fusion runners: the receivers of jobs booked through Fusion."""


@runner.command("list")
@pass_session
def list_runners(session: Session) -> None:
    """List the Fusion runners of the account by type."""
    session.out.rows(
        session.ask("GET", "/1/fusion-runners"),
        [Column("type", lambda each: each["type"]), Column("url", lambda each: each["url"])],
        of="type",
    )


@runner.command("set")
@click.argument("kind", metavar="TYPE")
@click.argument("target", metavar="URL")
@pass_session
def set_runner(session: Session, *, kind: str, target: str) -> None:
    """Create the runner of a type, datasource or spark, or replace it."""
    answer = session.send("PUT", views.path_of("fusion-runners", kind), document={"url": target})
    word = "Created" if answer.status == _CREATED else "Replaced"
    session.out.one(parsed(answer), f"{word} the runner of {kind}.", of="type")


@runner.command("rm")
@click.argument("kinds", metavar="TYPE...", nargs=-1, required=True)
@pass_session
def remove_runners(session: Session, kinds: tuple[str, ...]) -> int:
    """Delete runners."""
    return bulk.each(
        session,
        kinds,
        lambda each: session.ask("DELETE", views.path_of("fusion-runners", each)),
        lambda each, _: f"Deleted the runner of {each}.",
    )
