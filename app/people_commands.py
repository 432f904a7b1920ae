"""People commands: the operator's commands for invitations, requests, users and mail."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click
from flask import Flask
from flask.cli import AppGroup

from app.api.context import current_context
from app.commands import report_errors
from app.domain import instants
from app.domain.invitation import DEFAULT_EXPIRY, Usability
from app.domain.role import Role
from app.domain.user import LinkPurpose, read_email
from app.errors import Misconfigured
from app.service import accounts, invitations, mail, members, sign_up, user_links
from app.smtp import Unwritable, send

invite: Final = AppGroup("invite", help="Invitations to the console.")
beta: Final = AppGroup("beta", help="Requests for invitations.")
user: Final = AppGroup("user", help="Users of the console.")
outbox: Final = AppGroup("mail", help="Mail of the console.")

_UNITS: Final = {"h": "hours", "d": "days"}
_ROLES: Final = click.Choice([str(each) for each in Role])


def install(app: Flask) -> None:
    """Add the commands to `flask --app wsgi`."""
    for group in (invite, beta, user, outbox):
        app.cli.add_command(group)


def _duration(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([hd])", text)
    if found is None:
        raise click.BadParameter("use a number of hours or days, such as 12h or 14d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@invite.command("create")
@click.option("--note", default="", help="A note; only operators see it.")
@click.option("--email", help="Only this address can use it; the link is mailed if SMTP is set.")
@click.option(
    "--account", help="The existing account to join; default: each use creates a new account."
)
@click.option("--role", type=_ROLES, default="owner", help="The role in that account.")
@click.option("--uses", default=1, show_default=True, help="How often it can be used.")
@click.option(
    "--expires",
    default=f"{DEFAULT_EXPIRY.days}d",
    show_default=True,
    callback=_duration,
    metavar="DURATION",
    help="How long it is valid.",
)
@report_errors
def create_invitation(
    *,
    note: str,
    email: str | None,
    account: str | None,
    role: str,
    uses: int,
    expires: timedelta,
) -> None:
    """Create an invitation; print its link, which is not shown again."""
    context = current_context()
    made = invitations.create(
        context,
        None if account is None else accounts.get_account(context, account),
        role=Role(role),
        email=email,
        note=note,
        uses=uses,
        expiry=expires,
    )
    click.echo(made.link)


@invite.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that can no longer be used.")
@report_errors
def list_invitations(*, every: bool) -> None:
    """List invitations: number, end, state, uses, account, whom it is for, note."""
    for each in invitations.list_all(current_context()):
        if every or each.usability is Usability.OPEN:
            account = each.account.name if each.account else "a new account"
            click.echo(
                f"{each.id:>6}  {instants.format_utc(each.expires_at)}  {each.usability:8}  "
                f"{each.used}/{each.uses}  {account} ({each.role})  {each.email or 'anyone'}  "
                f"{each.note}".rstrip()
            )


@invite.command("revoke")
@click.argument("number", type=int)
@report_errors
def revoke_invitation(number: int) -> None:
    """Revoke the invitation NUMBER (see `invite list`); members who joined with it stay."""
    invitations.revoke(current_context(), number)


@beta.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that were accepted.")
@report_errors
def list_requests(*, every: bool) -> None:
    """List requests for invitations, oldest first: instant, address, purpose."""
    for each in sign_up.list_requests(current_context(), all_of_them=every):
        accepted = "  (accepted)" if each.accepted_at else ""
        purpose = " ".join(each.purpose.split())
        click.echo(f"{instants.format_utc(each.created_at)}  {each.email}  {purpose}{accepted}")


@beta.command("accept")
@click.argument("email")
@report_errors
def accept_request(email: str) -> None:
    """Invite EMAIL, who requested it; print the link, which is also mailed if SMTP is set."""
    click.echo(invitations.accept_request(current_context(), email).link)


@user.command("list")
@report_errors
def list_users() -> None:
    """List users with their accounts and roles."""
    for each in members.list_users(current_context()):
        roles = ", ".join(f"{name} ({role})" for name, role in each.accounts) or "no account"
        click.echo(f"{each.email}  {roles}{'  operator' if each.operator else ''}")


@user.command("add")
@click.argument("email")
@click.option("--account", required=True, help="The account of which the user becomes a member.")
@click.option("--role", type=_ROLES, default="owner", show_default=True)
@report_errors
def add_user(email: str, *, account: str, role: str) -> None:
    """Make EMAIL a member of an account, as a new user if needed; `user reset` gives access."""
    members.add_user(current_context(), account, email, Role(role))


@user.command("reset")
@click.argument("email")
@report_errors
def reset_password(email: str) -> None:
    """Print a link, valid for a day, with which the user EMAIL chooses a new password."""
    click.echo(user_links.create(current_context(), email, LinkPurpose.RESET))


@user.command("sign-in")
@click.argument("email")
@report_errors
def sign_in(email: str) -> None:
    """Print a link, valid for a day, that signs the user EMAIL in, once."""
    click.echo(user_links.create(current_context(), email, LinkPurpose.SIGN_IN))


@user.command("operator")
@click.argument("email")
@click.option("--no", "ends", is_flag=True, help="The user is no longer an operator.")
@report_errors
def make_operator(email: str, *, ends: bool) -> None:
    """Let the user EMAIL manage this service on the console."""
    members.set_operator(current_context(), email, operator=not ends)


@outbox.command("test")
@click.argument("email")
@report_errors
def test_mail(email: str) -> None:
    """Send a mail to EMAIL immediately, to check the settings."""
    server = current_context().settings.smtp
    if server is None:
        raise Misconfigured("WAKECALL_SMTP_URL and WAKECALL_MAIL_FROM are not set.")
    recipient = read_email(email)
    try:
        send(server, recipient, "Test mail from Wakecall", "This mail is a test.\n")
    except (OSError, Unwritable) as error:
        raise Misconfigured(f"The mail was not sent: {error}") from None
    click.echo(f"Sent to {recipient} through {server.host}.")


@outbox.command("list")
@report_errors
def list_mail() -> None:
    """List the newest mails: instant, state, recipient, subject, last error."""
    for each in mail.list_newest(current_context()):
        state = "sent" if each.sent_at else "waiting" if each.next_at else "failed"
        error = f"  ({each.error})" if each.error else ""
        click.echo(
            f"{instants.format_utc(each.created_at)}  {state:8}  {each.recipient}  "
            f"{each.subject}{error}"
        )
