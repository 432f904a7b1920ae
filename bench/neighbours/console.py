"""Console: its pages, and its forms."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final
from urllib.parse import quote_plus

from bench.hostile.target import Target, far
from bench.neighbours.operation import (
    Operation,
    Surface,
    browser_request,
    form,
    in_turn,
    page,
    public,
)

_CRON: Final = "0 0,15,30,45 * ? * MON,WED,FRI"
_ZONE: Final = "Asia/Gaza"
_NO_LINK: Final = "x" * 43
"""In place of the token of a link: it is looked for, and not found."""

_JOB: Final = {"how": "cron", "cron": _CRON, "timezone": _ZONE, "url": "{url}", "do": "book"}
_WRONG: Final = {"password": "not the password of anybody"}
"""A password is refused after it was hashed."""

_COMMAND: Final = "curl -X PUT https://example.com/a -H 'X-A: 1' -d " + "x" * 2000
_TRIGGERS: Final = quote_plus(
    "[" + ",".join(['{"type":"cron","enabled":true,"expression":"0 0 3 * * ?"}'] * 100) + "]"
)


def _preview(target: Target, number: int) -> Iterator[bytes]:
    for n in count(number):
        cron = quote_plus(f"{n % 60} 0,15,30,45 * ? * MON,WED,FRI")
        path = f"/console/preview?cron={cron}&timezone={quote_plus(_ZONE)}&count=50"
        yield browser_request(target, number, "GET", path)
        path = f"/console/preview?dialect=fusion&triggers={_TRIGGERS}&count=50"
        yield browser_request(target, number, "GET", path)


def _verify(target: Target, number: int) -> Iterator[bytes]:
    """Calls of 60 KB, whose signature is checked with each secret."""
    fields = {
        "webhook-id": "x",
        "webhook-timestamp": "1",
        "webhook-signature": "v1,x",
        "body": "x" * 60_000,
    }
    while True:
        yield browser_request(target, number, "POST", "/console/secrets/verify", fields)


def _create_job(target: Target, number: int) -> Iterator[bytes]:
    for n in count():
        fields = {"how": "at", "when": far(), "url": target.url("/ok", n), "do": "book"}
        fields |= {"tags": ", ".join(f"tag-{t}" for t in range(20)), "data": "x" * 2048}
        yield browser_request(target, number, "POST", "/console/jobs/new", fields)


PAGES: Final[tuple[Operation, ...]] = (
    page("console.overview", "/console/"),
    page("console.show_account", "/console/account"),
    page("console.ask_to_delete", "/console/account/delete"),
    page("console.ask_to_delete_user", "/console/account/delete-user"),
    page("console.list_accounts", "/console/accounts"),
    page("console.show_operation", "/console/admin"),
    page("console.ask_about_account", "/console/admin/accounts/suspend?account={account}"),
    page("console.list_audit", "/console/audit"),
    page("console.list_endpoints", "/console/endpoints"),
    page("console.ask_to_delete_endpoint", "/console/endpoints/app/delete?name={app}"),
    page("console.count_failures", "/console/failures?since={day_ago}"),
    page("console.find", "/console/find?q=n"),
    page("console.show_forgotten", "/console/forgot"),
    page("console.list_inboxes", "/console/inbox"),
    page("console.show_inbox", "/console/inbox/{inbox}"),
    page("console.show_inbox_call", "/console/inbox/{inbox}/calls/1"),
    page("console.ask_to_delete_inbox", "/console/inbox/{inbox}/delete"),
    page("console.jobs", "/console/jobs?tag=absent"),
    page("console.job", "/console/jobs/{job}"),
    page("console.ask_to_delete_job", "/console/jobs/{job}/delete"),
    page("console.edit_job", "/console/jobs/{job}/edit"),
    page("console.result", "/console/jobs/{job}/result"),
    page("console.new_job", "/console/jobs/new?from={job}"),
    page("console.ask_about_jobs", "/console/jobs/selected?action=delete&all=1"),
    page("console.show_progress", "/console/jobs/selected/progress?action=delete"),
    page("console.show_invitation", f"/console/join/{_NO_LINK}"),
    page("console.list_keys", "/console/keys"),
    page("console.show_key", "/console/keys/{key_id}"),
    page("console.ask_to_revoke", "/console/keys/{key_id}/revoke"),
    public("console.show_login", "/console/login", accept="text/html"),
    page("console.list_members", "/console/members"),
    page("console.ask_to_remove", "/console/members/{member}/remove"),
    in_turn("GET console.preview", _preview, Surface.CONSOLE),
    page("console.show_reset", f"/console/reset/{_NO_LINK}"),
    page("console.list_runs", "/console/runs?state=failed&host=absent.example"),
    page("console.run", "/console/runs/{run}"),
    page("console.ask_to_redeliver_run", "/console/runs/{run}/redeliver"),
    page("console.ask_to_redeliver", "/console/runs/redeliver?state=failed"),
    page("console.redelivery_progress", "/console/runs/redelivery?state=failed"),
    page("console.list_secrets", "/console/secrets"),
    page("console.ask_to_rotate", "/console/secrets/rotate"),
    page("console.show_sign_in_link", f"/console/sign-in/{_NO_LINK}"),
    page("console.show_sign_up", "/console/sign-up"),
    page("console.start", "/console/start"),
    public("console.static", "/console/static/{style_sheet}"),
    page("console.list_upcoming", "/console/upcoming?tag=absent"),
)

FORMS: Final[tuple[Operation, ...]] = (
    form("console.delete_account", "/console/account/delete", account="{account}", **_WRONG),
    form("console.delete_user", "/console/account/delete-user", email="{email}", **_WRONG),
    form(
        "console.change_password",
        "/console/account/password",
        newPassword="another password of mine",
        **_WRONG,
    ),
    form(
        "console.change_preferences",
        "/console/account/preferences",
        name="x" * 50,
        zone=_ZONE,
        hours="24",
        theme="dark",
    ),
    form("console.end_session", "/console/account/sessions/{one}/end", "sessions"),
    form("console.end_other_sessions", "/console/account/sessions/end-others"),
    form(
        "console.change_account",
        "/console/admin/accounts/suspend",
        account="{account}",
        reason="x",
        **_WRONG,
    ),
    form("console.invite_account", "/console/admin/invitations", email="x@example.com"),
    form("console.revoke_any_invitation", "/console/admin/invitations/1/revoke"),
    form("console.forget_operator_link", "/console/admin/link-stored"),
    form("console.accept_request", "/console/admin/requests/accept", email="x@example.com"),
    form("console.ask", "/console/beta", email="x@example.com"),
    form("console.display", "/console/display", theme="dark", next="/console/"),
    form("console.delete_endpoint", "/console/endpoints/app/delete", "apps", name="{one}"),
    form("console.call_endpoint", "/console/endpoints/app/test", name="{app}"),
    form("console.put_app", "/console/endpoints/apps", app="{app}", url="{url}", protocol="http"),
    form(
        "console.put_runner", "/console/endpoints/runners", runner="datasource", runner_url="{url}"
    ),
    form("console.mail_reset", "/console/forgot", email="{email}"),
    form("console.create_inbox", "/console/inbox", label="x"),
    form("console.choose_answer", "/console/inbox/{inbox}/answer", answer="204"),
    form("console.delete_inbox", "/console/inbox/{one}/delete", "page_inboxes"),
    form("console.delete_job", "/console/jobs/{one}/delete", "page_disposable"),
    form("console.update_job", "/console/jobs/{job}/edit", **_JOB),
    form("console.fire_job", "/console/jobs/{job}/fire"),
    form("console.pause_job", "/console/jobs/{one}/pause", "paused"),
    form("console.resume_job", "/console/jobs/{one}/resume", "paused"),
    in_turn("POST console.create_job", _create_job, Surface.CONSOLE),
    form("console.paste_job", "/console/jobs/new/paste", paste=_COMMAND),
    form("console.show_beside_form", "/console/jobs/new/shown", **_JOB),
    form("console.act_on_jobs", "/console/jobs/selected", action="tag", label="x", all="1"),
    form("console.continue_action", "/console/jobs/selected/progress", action="tag", all="1"),
    form("console.join", f"/console/join/{_NO_LINK}", email="x@example.com", **_WRONG),
    form("console.create_key", "/console/keys", label="x", scope="read"),
    form("console.revoke_key", "/console/keys/{one}/revoke", "keys"),
    form("console.forget_key", "/console/keys/{key_id}/stored"),
    form("console.sign_in", "/console/login", email="{email}", **_WRONG),
    form("console.sign_out", "/console/logout", sender="leaving"),
    form("console.remove_member", "/console/members/{one}/remove", "members"),
    form("console.make_reset_link", "/console/members/{member}/reset"),
    form("console.change_role", "/console/members/{member}/role", role="member"),
    form(
        "console.invite",
        "/console/members/invitations",
        email="y@example.com",
        role="member",
        expiry="7",
    ),
    form("console.revoke_invitation", "/console/members/invitations/1/revoke"),
    form("console.forget_link", "/console/members/link-stored"),
    form("console.reset", f"/console/reset/{_NO_LINK}", **_WRONG),
    form("console.complete_run", "/console/runs/{one}/complete", "waiting", status="succeeded"),
    form("console.redeliver_run", "/console/runs/{one}/redeliver", "runs"),
    form("console.redeliver_runs", "/console/runs/redeliver", state="failed"),
    form("console.rotate_secret", "/console/secrets/rotate", overlap="86400"),
    form("console.show_secrets", "/console/secrets/show", **_WRONG),
    in_turn("POST console.verify_call", _verify, Surface.CONSOLE),
    form("console.use_sign_in_link", f"/console/sign-in/{_NO_LINK}"),
    form("console.begin_sign_up", "/console/sign-up", email="z@example.com"),
    form("console.book_first_call", "/console/start/call"),
    form("console.dismiss_start", "/console/start/done"),
    form("console.switch", "/console/switch", account="{account_id}"),
)
"""What needs a password, a link or an operator's rights is refused, after all that is checked."""
