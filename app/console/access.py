"""Access: who is signed in, and what each page requires of that user."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, ParamSpec
from urllib.parse import quote, urlsplit

from flask import Response, g, redirect, request
from flask.typing import ResponseReturnValue

from app.api import acting, parameters, path_prefix, rate, senders
from app.api.browsers import SAFE_METHODS
from app.api.context import current_context
from app.api.scopes import needs_no_key
from app.console import cookies, csrf, entered, known_browsers, shown_once
from app.console.blueprint import PREFIX
from app.console.rendering import page
from app.domain.account import Account, Caller
from app.domain.role import Role
from app.domain.user import LIFETIME, SignedIn
from app.errors import InsufficientRole
from app.service import sign_in
from app.service.limits import limits_of
from app.service.permissions import require_active

REQUESTS_PER_SECOND: Final = 50
"""Requests of one user. They are counted apart from the account's, so that a program which uses
up the account's requests does not keep people from the page on which they stop it."""

LOGIN: Final = f"{PREFIX}/login"
ACCOUNTS: Final = f"{PREFIX}/accounts"
_MAX_NEXT: Final = 2000
_SEE_OTHER: Final = 303
_UNAUTHORIZED: Final = 401
_HX: Final = "HX-Request"

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """The user who looks at a page, and the account whose data it shows."""

    user_id: int
    email: str
    name: str
    account_id: int
    """0 for a user who belongs to no account; only pages that need none are shown then."""
    account_name: str
    role: Role
    zone: str
    """An IANA time zone."""
    hours: int
    """24 or 12."""
    theme: str
    """`auto`, `light` or `dark`."""
    operator: bool
    """Whether the user also manages the service itself."""
    session_id: int
    accounts: tuple[Account, ...]
    """The user's accounts, to switch between them."""
    signed_in: SignedIn

    @property
    def now(self) -> datetime:
        """The database's clock, as it was when the session was read."""
        return self.signed_in.now

    @property
    def caller(self) -> Caller:
        """The caller that the use cases of jobs, runs and keys take."""
        return self.signed_in.caller

    @property
    def account(self) -> Account:
        """The account whose data is shown."""
        return self.caller.account

    def may(self, role: Role) -> bool:
        """Whether the user may do what requires this role."""
        return self.role.covers(role)

    @property
    def may_change(self) -> bool:
        """Whether the user may book and change jobs, and the account is not suspended."""
        return self.may(Role.MEMBER) and not self.signed_in.suspended

    @property
    def may_manage(self) -> bool:
        """Whether the user may manage members, keys and secrets."""
        return self.may(Role.OWNER)


def viewer() -> Viewer:
    """Return the user of this request, inside a view that `needs` a role."""
    found: Viewer = g.viewer
    return found


def needs(
    role: Role, *, of_account: bool = True, beside_form: bool = False
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Declare which role a page requires; who is not signed in is sent to the sign-in page.

    A page that is not `of_account` is also shown to users who belong to no account. A part of a
    page that is kept up to date `beside_form` must not make the browser leave the page, with what
    the person has entered there. A view must stand below it, and `takes` between the two.
    """

    def declare(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            found = identify()
            if found is None:
                # Who signed out takes no turns of the account that the session acted for.
                senders.disown(request.environ)
                if beside_form and _HX in request.headers:
                    return page("signed_out_part.html", status=_UNAUTHORIZED)
                return _to_sign_in()
            if of_account and not found.account_id:
                return redirect(ACCOUNTS, _SEE_OTHER)
            _admit(found, role, of_account=of_account)
            return view(*args, **kwargs)

        return needs_no_key(guarded)

    return declare


def identify() -> Viewer | None:
    """Return the user of this request; None if nobody is signed in."""
    if "viewer" not in g:
        g.viewer = None
        token = cookies.read(cookies.SESSION)
        found = None if token is None else sign_in.find(current_context(), token)
        if found is not None:
            g.viewer = _viewer(found)
            # The account menu of app/console/elements.py shows what there is to switch to.
            g.viewer_accounts = found.accounts if len(found.accounts) > 1 else ()
    known: Viewer | None = g.viewer
    return known


def browser() -> sign_in.Browser:
    """Return what is stored of the browser that sends this request."""
    return sign_in.Browser(
        agent=request.headers.get("User-Agent", ""), address=request.remote_addr or ""
    )


def begin(response: Response, token: str, email: str) -> Response:
    """Give the browser the token of this user's new session, and nothing of an earlier one."""
    shown_once.forget_all(response)
    cookies.write(response, cookies.SESSION, token, max_age=round(LIFETIME.total_seconds()))
    cookies.remove(response, cookies.VISIT)
    known_browsers.remember(response, email)
    return response


def is_own_path(path: str) -> bool:
    """Whether `next` leads to a page of this console, and to no other site.

    Browsers take a backslash for a slash, and leave out tabs and line breaks.
    """
    # Texts such as "//[" make urlsplit raise.
    is_path = path.startswith(PREFIX) and path.isascii() and path.isprintable()
    parts = urlsplit(path) if is_path else None
    return (
        parts is not None
        and not parts.scheme
        and not parts.netloc
        and "\\" not in path
        and (parts.path == PREFIX or parts.path.startswith(f"{PREFIX}/"))
        and ".." not in parts.path
        and not parts.path.startswith(LOGIN)
        and len(path) <= _MAX_NEXT
    )


def _admit(found: Viewer, role: Role, *, of_account: bool) -> None:
    acting.name_user(found.email)
    if found.account_id:
        limits = limits_of(current_context(), found.account)
        senders.note(request.environ, found.account_id, limits.concurrent_requests)
    # Accounts have positive ids.
    rate.count(-found.user_id, REQUESTS_PER_SECOND)
    changes = request.method not in SAFE_METHODS
    if of_account and changes:
        csrf.check_account(found.account_id)
    if not found.role.covers(role):
        raise InsufficientRole(
            f"Your role in {found.account_name} is {found.role}, but this needs {role}.",
            remedy="Ask an owner of the account to do it, or to give you that role.",
        )
    if role is not Role.READER and changes:
        require_active(found.caller)
    parameters.check()


def _to_sign_in() -> Response:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    target = f"{LOGIN}?next={quote(wanted, safe='/')}" if is_own_path(wanted) else LOGIN
    if _HX in request.headers:
        # The script would put the sign-in page into the middle of the page that it polls for.
        return Response(status=_UNAUTHORIZED, headers={"HX-Redirect": path_prefix.add(target)})
    if kept := entered.texts():
        return _with_entered(kept)
    return redirect(target, _SEE_OTHER)  # type: ignore[return-value] # Werkzeug's is Flask's


def _with_entered(kept: list[entered.Text]) -> Response:
    """Return what a form had whose session had ended, and the way back to the page of the form."""
    wanted = entered.page_of_form()
    address = f"login?next={quote(wanted, safe='/')}" if is_own_path(wanted) else "login"
    return page("entered.html", status=_UNAUTHORIZED, entered=kept, sign_in=address)


def _viewer(found: SignedIn) -> Viewer:
    user, account = found.user, found.account
    return Viewer(
        user_id=user.id,
        email=user.email,
        name=user.name,
        account_id=account.id if account else 0,
        account_name=account.name if account else "",
        role=found.role,
        zone=user.zone,
        hours=user.hours,
        theme=user.theme,
        operator=user.operator,
        session_id=found.session_id,
        accounts=found.accounts,
        signed_in=found,
    )
