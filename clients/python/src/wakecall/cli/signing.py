"""Signing: the commands that verify and make signatures of Standard Webhooks, without a service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from wakecall import SignatureError, Webhook
from wakecall.cli import booking
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Command
from wakecall.cli.session import Session, pass_session

_FILE: Final = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_secret_file = click.option(
    "--secret-file",
    type=_FILE,
    required=True,
    help="A file with the signing secrets, one a line: `wakecall secret show --all`.",
)
_body_file = click.option(
    "--body-file", type=_FILE, default="-", help="The body, byte for byte; - is standard input."
)
_timestamp = "Seconds since 1970: the header webhook-timestamp"


@click.command(cls=Command)
@_secret_file
@_body_file
@click.option("--id", "run_id", required=True, help="The header webhook-id.")
@click.option("--timestamp", required=True, help=f"{_timestamp}.")
@click.option("--signature", required=True, help="The header webhook-signature.")
@click.option(
    "--tolerance",
    type=click.IntRange(0),
    default=300,
    help="How many seconds ago the call may have been sent, 300 by default; 0 for any time.",
)
@pass_session
def verify(
    session: Session,
    *,
    secret_file: Path,
    body_file: Path,
    run_id: str,
    timestamp: str,
    signature: str,
    tolerance: int,
) -> None:
    """Verify the signature of a call. Exits with 1 if the call is not genuine."""
    webhook = _webhook(secret_file, _tolerance(tolerance))
    headers = {
        "webhook-id": run_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }
    body = booking.read_bytes(body_file, "--body-file")
    try:
        call = webhook.verify(body, headers, now=session.out.now)
    except SignatureError as error:
        raise Failure(Exit.REFUSED, type(error).__name__, f"{error}") from None
    if session.options.is_json:
        session.out.document({"verified": True, "id": call.id, "sent": call.sent.isoformat()})
    else:
        session.out.line("verified")


@click.command(cls=Command)
@_secret_file
@_body_file
@click.option("--id", "run_id", required=True, help="The header webhook-id.")
@click.option("--timestamp", type=click.IntRange(0), help=f"{_timestamp}; now by default.")
@pass_session
def sign(
    session: Session, *, secret_file: Path, body_file: Path, run_id: str, timestamp: int | None
) -> None:
    """Sign a body as the service signs its calls, to try a receiver. Prints three headers."""
    sent = session.out.now if timestamp is None else _instant(timestamp)
    body = booking.read_bytes(body_file, "--body-file")
    headers = _webhook(secret_file, timedelta.max).sign(body, id=run_id, sent=sent)
    if session.options.is_json:
        session.out.document(headers)
        return
    for name, value in headers.items():
        session.out.line(f"{name}: {value}")


def _webhook(path: Path, tolerance: timedelta) -> Webhook:
    """Return the verifier with the secrets of a file. Raises Failure."""
    text = booking.read_bytes(path, "--secret-file").decode("utf-8", "replace")
    try:
        return Webhook(*text.split(), tolerance=tolerance)
    except ValueError as error:
        raise Failure(
            Exit.USAGE,
            "Not a secret",
            f"{path} does not hold signing secrets: {error}",
            "Write those of the account into it: wakecall secret show --all",
        ) from None


def _tolerance(seconds: int) -> timedelta:
    try:
        return timedelta(seconds=seconds) if seconds else timedelta.max
    except OverflowError:
        return timedelta.max


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise click.BadParameter("It is out of range.", param_hint="--timestamp") from None
