"""Keys: the commands that list, create and revoke API keys."""

from __future__ import annotations

import click

from wakecall.cli import bulk, views
from wakecall.cli.options import Group, idempotency_key
from wakecall.cli.output import Column, Json
from wakecall.cli.session import Session, future, pass_session


@click.group(cls=Group)
def key() -> None:
    """List, create and revoke API keys. This takes a key with the scope admin."""


@key.command("list")
@pass_session
def list_keys(session: Session) -> None:
    """List the keys of the account, oldest first, without their texts."""
    session.out.rows(
        session.list("/1/keys"),
        [
            Column("id", lambda each: each["id"]),
            Column("scope", lambda each: each["scope"]),
            Column("label", lambda each: each.get("label")),
            Column("created", lambda each: views.instant(each.get("created"))),
            Column("used", lambda each: views.instant(each.get("lastUsed"))),
            Column("expires", lambda each: views.instant(each.get("expires"))),
            Column("revoked", lambda each: views.instant(each.get("revoked"))),
            *(views.member(each) for each in ("createdBy", "daprApp")),
        ],
    )


@key.command("create")
@click.option(
    "--scope", type=click.Choice(["read", "book", "admin"]), required=True, help="What it allows."
)
@click.option("--label", help="What the key is for.")
@click.option("--expires", metavar="TIME", help="From when on it is not valid: 90d, 2031-01-01.")
@click.option("--dapr-app", metavar="ID", help="The Dapr app to which it is bound.")
@idempotency_key()
@pass_session
def create(
    session: Session,
    *,
    scope: str,
    label: str | None,
    expires: str | None,
    dapr_app: str | None,
    idempotency_key: str | None,
) -> None:
    """Create a key and print it, this once."""
    document: dict[str, Json] = {
        "scope": scope,
        "label": label,
        "expires": future(session, expires, "--expires"),
        "daprApp": dapr_app,
    }
    made = session.ask("POST", "/1/keys", document=document, idempotency_key=idempotency_key)
    if session.options.is_json:
        session.out.document(made)
        return
    session.out.line(f"{made['value']}")
    session.out.hint(f"The key {made['id']} is shown only now; the service keeps a hash of it.")


@key.command("revoke")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@pass_session
def revoke(session: Session, ids: tuple[str, ...]) -> int:
    """Revoke keys by their ids, at once."""
    return bulk.each(
        session,
        ids,
        lambda each: session.ask("DELETE", views.path_of("keys", each)),
        lambda each, _: f"Revoked {each}.",
    )
