"""Secret pages: the signing secrets of the account, shown after the password was typed again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import attempts, page_context
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.account import Account
from app.domain.inbox import Signature
from app.domain.role import Role
from app.domain.secret import PREFIX as SECRET_PREFIX
from app.domain.secret import SigningSecret
from app.domain.signature import SignatureCheck
from app.errors import InvalidMember, Misconfigured
from app.service import accounts, sign_in

_SECRETS: Final = f"{PREFIX}/secrets"
_SEE_OTHER: Final = 303
_OVERLAPS: Final = {
    "0": "immediately",
    "3600": "in an hour",
    "86400": "in a day",
    "604800": "in a week",
}
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


@console.get("/secrets")
@needs(Role.OWNER)
@takes()
def list_secrets() -> ResponseReturnValue:
    """Show the secrets that sign now, masked unless the password was typed within ten minutes."""
    return _list(Form())


@console.post("/secrets/show")
@needs(Role.OWNER)
@takes()
def show_secrets() -> ResponseReturnValue:
    """Check the password again, and then show the secrets for a while."""
    found = viewer()
    try:
        attempts.count(attempts.PASSWORD, str(found.user_id))
        sign_in.prove(current_context(), found.signed_in, request.form.get("password", ""))
    except SHOWN as error:
        return _list(refused(error, {}))
    accounts.note_shown(current_context(), found.account)
    return _redirect_back()


@console.get("/secrets/rotate")
@needs(Role.OWNER)
@takes()
def ask_to_rotate() -> ResponseReturnValue:
    """Ask how long the older secrets continue to sign."""
    return page("rotate.html", overlaps=list(_OVERLAPS.items()), form=Form())


@console.post("/secrets/rotate")
@needs(Role.OWNER)
@takes()
def rotate_secret() -> ResponseReturnValue:
    """Make a new secret; the older ones sign as well for the time that was chosen."""
    overlap = request.form.get("overlap", "")
    try:
        if overlap not in _OVERLAPS:
            raise InvalidMember(
                "overlap", "The time is unknown.", remedy="Choose one from the list."
            )
        accounts.rotate_secret(
            current_context(),
            viewer().account_name,
            overlap=timedelta(seconds=int(overlap)),
            by=viewer().user_id,
        )
    except SHOWN as error:
        form = refused(error, {"overlap": overlap})
        return page("rotate.html", overlaps=list(_OVERLAPS.items()), form=form)
    flash("A new secret signs calls. Receivers need it before the older secrets expire.")
    return _redirect_back()


@console.post("/secrets/verify")
@needs(Role.OWNER)
@takes()
def verify_call() -> ResponseReturnValue:
    """Show whether a call is signed with one of the secrets, and if not, why."""
    values = {each: request.form.get(each, "").strip() for each in _HEADERS}
    body = request.form.get("body", "")
    return _list(Form(values={**values, "body": body}), verdict=_verdict(values, body))


def _verdict(values: dict[str, str], body: str) -> str:
    secrets = [each.value for each in _secrets(viewer().account)]
    # Forms send line ends as CR LF, whatever was pasted.
    bodies = (body.replace("\r\n", "\n"), body)
    found = {_signature(secrets, values, each) for each in bodies}
    if Signature.VERIFIED in found:
        return "Signed with one of your secrets. Compare the timestamp with your clock too."
    if Signature.MISSING in found:
        return "There is no webhook-signature."
    return (
        "Not signed with one of these secrets: the body, the id or the timestamp differs "
        "from what was sent, or the secret has expired. The body must be that of the call "
        "byte for byte."
    )


def _signature(secrets: Sequence[str], values: dict[str, str], body: str) -> Signature:
    """Return whether a call with these headers and this body is signed."""
    check = SignatureCheck(
        secrets,
        signature=values["webhook-signature"],
        message_id=values["webhook-id"],
        timestamp=values["webhook-timestamp"],
    )
    check.update(body.encode("utf-8", "replace"))
    stamp = values["webhook-timestamp"]
    at_its_time = page_context.now()
    if stamp.isascii() and stamp.isdigit() and len(stamp) < 12:  # noqa: PLR2004 - until 33658
        at_its_time = datetime.fromtimestamp(int(stamp), UTC)
    return check.result(at_its_time)


def _list(form: Form, verdict: str = "") -> Response:
    found = viewer()
    secrets = _secrets(found.account)
    shows = found.signed_in.is_proved
    return page(
        "secrets.html",
        form=form,
        verdict=verdict,
        headers=_HEADERS,
        shows=shows,
        secrets=[(each, each.value if shows else masked(each.value)) for each in secrets],
    )


def masked(value: str) -> str:
    """Return what may be shown of a secret: enough to tell it from another one."""
    return f"{SECRET_PREFIX}…{value[-4:]}"


def _secrets(account: Account) -> tuple[SigningSecret, ...]:
    try:
        return accounts.list_secrets(current_context(), account.name)
    except Misconfigured:
        return ()


def _redirect_back() -> Response:
    return Response(status=_SEE_OTHER, headers={"Location": _SECRETS})
