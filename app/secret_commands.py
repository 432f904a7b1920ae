"""Secret commands: encrypt all secrets in the database with a new key, so that old keys can go."""

from __future__ import annotations

from collections import Counter

import click
from flask.cli import with_appcontext

from app.api.context import current_context
from app.command_progress import progress
from app.commands import report_errors, secret
from app.service import resealing


def install() -> None:
    """Add the commands to `flask --app wsgi secret`."""
    secret.add_command(reseal)


@click.command("reseal")
@click.option("--dry-run", is_flag=True, help="Only list which keys are still needed.")
@with_appcontext
@report_errors
def reseal(*, dry_run: bool) -> None:
    """Encrypt all secrets with the first key of WAKECALL_SECRET_KEY; list which keys are needed."""
    box = current_context().secret_box
    if not dry_run:
        number = resealing.reseal_all(current_context(), box, progress("sealing"))
        click.echo(f"{number} values were encrypted again with key 1.")
    needed: Counter[int | None] = Counter()
    for holds, found in resealing.count_by_key(
        current_context(), box, progress("counting")
    ).items():
        needed.update(found)
        click.echo(f"{holds}: {_by_key(found)}")
    running = resealing.count_waiting_for_completion(current_context())
    keys = len(current_context().settings.secret_keys)
    for index in range(1, keys):
        click.echo(_about(index, needed[index]))
    if needed[None]:
        click.echo(
            f"{needed[None]} values cannot be decrypted with any key: add the key that is missing."
        )
    if running and keys > 1:
        click.echo(
            f"{running} runs wait for their completion. Completion tokens that were made with "
            "another key become invalid when that key is removed."
        )


def _by_key(found: Counter[int | None]) -> str:
    numbers = sorted((index, number) for index, number in found.items() if index is not None)
    parts = [f"{number} with key {index + 1}" for index, number in numbers]
    if found[None]:
        parts.append(f"{found[None]} with none of the keys")
    return ", ".join(parts) or "none"


def _about(index: int, number: int) -> str:
    if not number:
        return f"Key {index + 1} is no longer needed: no stored value is encrypted with it."
    return (
        f"Key {index + 1} is still needed by {number} values. Restart the processes that have it "
        "as their first key, then repeat this command."
    )
