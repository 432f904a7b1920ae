"""Commands of the Dapr API: the apps of an account, and the sidecar of one."""

from __future__ import annotations

from typing import Final

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app.api.auth import Bound
from app.api.context import current_context
from app.commands import report_errors
from app.domain.endpoint import AppProtocol
from app.service import accounts
from app.service.dapr import apps as dapr_apps

dapr_app: Final = AppGroup("dapr-app", help="Dapr apps of an account.")

_PROTOCOL: Final = click.option(
    "--app-protocol",
    type=click.Choice([each.value for each in AppProtocol]),
    default=AppProtocol.HTTP.value,
    show_default=True,
    help="How the app is called.",
)
_app_id: Final = click.option("--app-id", required=True, metavar="ID", help="The app's id.")

_processes: Final = click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many processes serve, each on one processor.",
)


def install(app: Flask) -> None:
    """Offer the commands as `flask --app wsgi …`."""
    app.cli.add_command(dapr_app)
    app.cli.add_command(run_sidecar)
    app.cli.add_command(run_grpc)


@dapr_app.command("add")
@click.argument("account_name", metavar="ACCOUNT")
@_app_id
@click.option("--url", required=True, metavar="URL", help="Where the app listens.")
@click.option("--token", metavar="TOKEN", help="Sent along with each call as dapr-api-token.")
@_PROTOCOL
@report_errors
def add_app(account_name: str, app_id: str, url: str, token: str | None, app_protocol: str) -> None:
    """Add a Dapr app to ACCOUNT, or change its URL, token and protocol."""
    dapr_apps.put(
        current_context(),
        accounts.get_account(current_context(), account_name),
        app_id,
        url=url,
        token=token,
        protocol=AppProtocol(app_protocol),
    )


@dapr_app.command("list")
@click.argument("account_name", metavar="ACCOUNT")
@report_errors
def list_apps(account_name: str) -> None:
    """List the Dapr apps of ACCOUNT: id, URL, `grpc`, and whether calls carry a token."""
    for each in dapr_apps.list_apps(
        current_context(), accounts.get_account(current_context(), account_name)
    ):
        protocol = "  grpc" if each.protocol is AppProtocol.GRPC else ""
        click.echo(f"{each.name}  {each.url}{protocol}{'  token' if each.has_token else ''}")


@dapr_app.command("remove")
@click.argument("account_name", metavar="ACCOUNT")
@_app_id
@report_errors
def remove_app(account_name: str, app_id: str) -> None:
    """Remove a Dapr app of ACCOUNT; it must have no jobs."""
    dapr_apps.delete(
        current_context(), accounts.get_account(current_context(), account_name), app_id
    )


@click.command("dapr-sidecar")
@_app_id
@click.option(
    "--app-port", required=True, type=click.IntRange(1, 65535), help="Where the app listens."
)
@_PROTOCOL
@click.option(
    "--dapr-http-port",
    default=3500,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Where the sidecar listens, on loopback only.",
)
@click.option(
    "--dapr-grpc-port",
    default=50001,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Where the sidecar answers gRPC, on loopback only; 0 for nowhere.",
)
@click.option("--no-dapr-grpc", is_flag=True, help="The same as --dapr-grpc-port 0.")
@_processes
@click.option(
    "--account",
    "account_name",
    metavar="ACCOUNT",
    help="The account of the app; left out, the only account there is, or `demo`.",
)
@with_appcontext
@report_errors
def run_sidecar(
    app_id: str,
    app_port: int,
    app_protocol: str,
    dapr_http_port: int,
    dapr_grpc_port: int,
    no_dapr_grpc: bool,  # noqa: FBT001 - as click gives it
    processes: int,
    account_name: str | None,
) -> None:
    """Serve the Dapr Jobs API to one app on this machine, as a Dapr sidecar does."""
    from app.api.dapr import sidecar  # noqa: PLC0415 - brings a server, which no other command needs

    owner = sidecar.choose_account(account_name)
    url = sidecar.register(owner, app_id, app_port, AppProtocol(app_protocol))
    line = (
        f"Sidecar of {app_id} (account {owner.name}, called at {url}) "
        f"listens on http://localhost:{dapr_http_port}"
    )
    grpc_port = None if no_dapr_grpc else dapr_grpc_port or None
    if grpc_port is not None:
        line += f", and for gRPC on localhost:{grpc_port}"
    sidecar.serve(
        Bound(account=owner.name, app=app_id),
        dapr_http_port,
        lambda: click.echo(line),
        grpc_port=grpc_port,
        processes=processes,
    )


@click.command("dapr-grpc")
@click.option("--host", metavar="ADDRESS", help="Where to listen; left out, HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Left out, WAKECALL_GRPC_PORT.")
@_processes
@with_appcontext
@report_errors
def run_grpc(host: str | None, port: int | None, processes: int) -> None:
    """Serve the Dapr Jobs API over gRPC, as web does over HTTP."""
    from app.api.dapr.rpc import process  # noqa: PLC0415 - brings a server, as above

    process.serve(host, port, processes=processes)
