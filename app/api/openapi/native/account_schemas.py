"""Account schemas: the account, its keys and secrets, its audit log, endpoints and inboxes."""

from __future__ import annotations

from typing import Final

from app.api.native.documents.endpoint import APP, RUNNER
from app.api.native.documents.inbox import INBOX
from app.api.native.documents.key import KEY
from app.api.native.documents.payload import BASE64
from app.api.native.documents.rotation import ROTATION
from app.api.openapi.schemas import (
    COUNT,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    UUID,
    Schema,
    always,
    answered,
    array,
    maybe,
    note,
    nullable,
    one_of,
    ref,
    sent,
)
from app.domain.audit import Action
from app.domain.endpoint import AppProtocol
from app.domain.fusion.resource import Kind
from app.domain.inbox import KEPT_BODY, Answer, Signature
from app.domain.instants import MAX_INSTANT
from app.domain.key import ID_LENGTH
from app.domain.limits import TABLE
from app.domain.scope import Scope
from app.domain.target import MAX_URL

_MS: Final = nullable(NUMBER)
_LATENESS: Final = {
    "deliveries": always(COUNT, "How many first attempts are counted."),
    "p50Ms": always(_MS, "Half of them began at most so late; null without deliveries."),
    "p95Ms": always(_MS, "95 % of them."),
    "p99Ms": always(_MS, "99 % of them."),
    "maxMs": always(_MS, "All of them."),
}
LATENESS: Final = answered("How many milliseconds late calls began.", _LATENESS)
_WINDOW: Final = answered(
    "How many milliseconds late the calls since an instant began.",
    {"since": always(INSTANT, "When the window begins."), **_LATENESS},
)
_ACCURACY: Final = answered(
    "How late the calls of the account began.",
    {
        "asOf": always(INSTANT, "When the figures were read."),
        "hour": always(_WINDOW, "The last hour."),
        "day": always(_WINDOW, "The last day."),
    },
    element="accuracy",
)


def _limits() -> Schema:
    return answered(
        "Every limit by its name.",
        {
            each.name: always(
                answered(
                    "An amount, and what is used of it.",
                    {
                        "limit": always(nullable(COUNT), "The amount; null if the limit is off."),
                        "used": maybe(COUNT, "What is used, where counting is cheap."),
                    },
                ),
                f"The most {each.counts}.",
            )
            for each in TABLE
        },
    )


_KEY_ID: Final = {"type": "string", "pattern": f"^[0-9A-Za-z]{{{ID_LENGTH}}}$"}
_ACCOUNT: Final = answered(
    "The account of the key.",
    {
        "account": always(TEXT, "Its name."),
        "created": always(INSTANT, "Since when it exists."),
        "suspended": maybe(INSTANT, "Since when it is suspended."),
        "key": always(
            answered(
                "The key of the request.",
                {
                    "id": always(_KEY_ID, "Its id."),
                    "scope": always(one_of(Scope), "What it may do."),
                },
            ),
            "The key with which the request was sent.",
        ),
        "limits": always(_limits(), "Its limits."),
    },
    element="account",
)
_SECRET: Final = answered(
    "A secret that signs calls.",
    {
        "value": always({"type": "string", "pattern": "^whsec_"}, "The secret itself."),
        "created": always(INSTANT, "When it was made."),
        "expires": maybe(INSTANT, "Until when it signs; absent for the newest one."),
    },
    element="secret",
)
_KEY: Final = answered(
    "An API key.",
    {
        "id": always(_KEY_ID, "Its id."),
        "value": maybe(TEXT, "The key itself, only in the response that creates it."),
        "label": always(TEXT, "What it is for."),
        "scope": always(one_of(Scope), "What it may do."),
        "daprApp": maybe(TEXT, "The Dapr app to which it is bound."),
        "createdBy": maybe(TEXT, "The key or the user that created it."),
        "created": always(INSTANT, "When it was created."),
        "expires": maybe(INSTANT, "From when on it is not valid."),
        "lastUsed": maybe(INSTANT, "The beginning of the hour in which it was last used."),
        "revoked": maybe(INSTANT, "When it was revoked."),
    },
    element="key",
)
_ENTRY: Final = answered(
    "A change to the account, and who made it.",
    {
        "at": always(INSTANT, "When it was made."),
        "action": always(TEXT, f"What was done: {', '.join(Action)}."),
        "object": always(TEXT, "What it was done to."),
        "detail": maybe(TEXT, "More about it."),
        "by": always(one_of(("key", "user", "operator")), "What kind of sender made it."),
        "key": maybe(TEXT, "The id of the key that made it."),
        "user": maybe(TEXT, "The e-mail address of the user who made it."),
        "address": maybe(TEXT, "The network address that the request came from."),
    },
    element="entry",
)
_APP: Final = answered(
    "A Dapr app: where the calls of its jobs go.",
    {
        "id": always(TEXT, "Its id."),
        "url": always(TEXT, "The URL to which `/job/<name>` is appended."),
        "protocol": always(one_of(AppProtocol), "How it is called."),
        "hasToken": always(FLAG, "Whether calls carry a token."),
    },
    element="app",
)
_RUNNER: Final = answered(
    "A Fusion runner: where the runs of one type of jobs are started.",
    {
        "type": always(one_of(each for each in Kind if each is not Kind.TASK), "The type."),
        "url": always(TEXT, "The URL that is called."),
    },
    element="runner",
)
_INBOX: Final = answered(
    "A test receiver that Wakecall itself serves.",
    {
        "id": always(UUID, "Its id."),
        "url": always(TEXT, "Where it can be called, with any method and without a key."),
        "label": always(TEXT, "What it is for."),
        "answer": always(one_of(Answer), "What it answers to calls."),
        "created": always(INSTANT, "When it was created."),
        "calls": always(COUNT, "How many calls have come."),
        "lastCall": maybe(INSTANT, "When the last one came."),
    },
    element="inbox",
)
_CALL: Final = answered(
    "A call that came to an inbox.",
    {
        "number": always({"type": "integer", "minimum": 1}, "Counts the calls of the inbox."),
        "received": always(INSTANT, "When it came."),
        "method": always(TEXT, "Its method."),
        "path": always(TEXT, "What followed the token in its path."),
        "query": always(TEXT, "Its query."),
        "headers": always(
            array(
                answered(
                    "A header.",
                    {"name": always(TEXT, "Its name."), "value": always(TEXT, "Its value.")},
                ),
                name="headers",
                item="header",
            ),
            "Its headers.",
        ),
        "data": always(TEXT, f"The first {KEPT_BODY} bytes of its body."),
        "dataEncoding": maybe({"const": BASE64}, "`base64` if `data` is Base64."),
        "bytes": always(COUNT, "The length of its body."),
        "signature": always(one_of(Signature), "Whether a secret of the account signed it."),
        "run": maybe(UUID, "The run that made it, if its signature is genuine."),
        "attempt": maybe(COUNT, "The number of the attempt."),
        "scheduledFor": maybe(INSTANT, "When the run was due."),
        "latenessMs": maybe(NUMBER, "How many milliseconds later the call came."),
        "answer": always(one_of(Answer), "What the inbox answered."),
    },
    element="call",
)
_PUT_URL: Final = note(
    "Where it is called: http or https, a public address, without a query.", maxLength=MAX_URL
)
_NEW_APP: Final = sent(
    "Where the calls of a Dapr app's jobs go.",
    APP,
    {
        "id": note("That of the address, or absent."),
        "url": _PUT_URL,
        "protocol": note("How the app is called; `http` if absent."),
        "token": note("Sent along as `dapr-api-token`; never shown."),
        "hasToken": note("`true` without `token` keeps the stored token."),
    },
)
_NEW_RUNNER: Final = sent(
    "Where the runs of one type of Fusion jobs are started.",
    RUNNER,
    {"type": note("That of the address, or absent."), "url": _PUT_URL},
)
_NEW_KEY: Final = sent(
    "A key that is wanted.",
    KEY,
    {
        "label": note("What the key is for; printable characters."),
        "scope": note("What the key may do; each scope includes those before it."),
        "daprApp": note("The Dapr app to which it is bound."),
        "expires": note("From when on it is not valid.", maxLength=MAX_INSTANT),
    },
)
_NEW_INBOX: Final = sent(
    "An inbox that is wanted.",
    INBOX,
    {
        "label": note("What it is for."),
        "answer": note("What it answers to calls; `204` if absent."),
    },
)
_ROTATION: Final = sent(
    "For how long the present secrets go on signing.",
    ROTATION,
    {"overlap": note("Seconds; a day if absent, and 0 ends them at once.")},
)


def schemas() -> dict[str, Schema]:
    """The schemas by name."""
    return {
        "Account": _ACCOUNT,
        "Accuracy": _ACCURACY,
        "Secret": _SECRET,
        "Secrets": array(ref("Secret"), name="secrets", item="secret"),
        "Rotation": _ROTATION,
        "NewKey": _NEW_KEY,
        "Key": _KEY,
        "Keys": array(ref("Key"), name="keys", item="key"),
        "AuditEntries": array(_ENTRY, name="audit", item="entry"),
        "NewApp": _NEW_APP,
        "App": _APP,
        "Apps": array(ref("App"), name="apps", item="app"),
        "NewRunner": _NEW_RUNNER,
        "Runner": _RUNNER,
        "Runners": array(ref("Runner"), name="runners", item="runner"),
        "NewInbox": _NEW_INBOX,
        "Inbox": _INBOX,
        "Inboxes": array(ref("Inbox"), name="inboxes", item="inbox"),
        "InboxCall": _CALL,
        "InboxCalls": array(ref("InboxCall"), name="calls", item="call"),
    }
