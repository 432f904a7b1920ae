"""Account: the parts of the client for its secrets, keys, Dapr apps and Fusion runners."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from wakecall._core import values
from wakecall._core.requests import delete, get, instant, path, post, put
from wakecall._sync.pages import Pages
from wakecall._sync.session import Session
from wakecall.models import ApiKey, App, Protocol, Runner, Scope, Secret
from wakecall.spans import to_seconds, to_span


class Secrets:
    """The signing secrets of the account. Each method raises WakecallError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> tuple[Secret, ...]:
        """The secrets that sign, the newest first."""
        return self._session.send(get("/1/secrets"), values.many(Secret))

    def rotate(
        self,
        *,
        overlap: timedelta | str | float | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Secret, ...]:
        """Make a new secret; the older ones sign as well for `overlap`, a day by default."""
        document = None if overlap is None else {"overlap": to_seconds(to_span(overlap))}
        request = post("/1/secrets/rotate", document, idempotency_key=idempotency_key)
        return self._session.send(request, values.many(Secret))


class Keys:
    """The API keys of the account. Each method raises WakecallError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, *, limit: int | None = None) -> Pages[ApiKey]:
        """The keys, the oldest first, without their texts."""
        return self._session.pages(get("/1/keys"), values.many(ApiKey), limit)

    def get(self, key_id: str) -> ApiKey:
        """The key with that id, without its text."""
        return self._session.send(get(path("keys", key_id)), values.one(ApiKey))

    def create(
        self,
        scope: Scope,
        *,
        label: str = "",
        expires: datetime | str | None = None,
        dapr_app: str | None = None,
        idempotency_key: str | None = None,
    ) -> ApiKey:
        """Create a key; its text is in `value` of the answer, and is shown only there."""
        document: dict[str, Any] = {"scope": scope}
        if label:
            document["label"] = label
        if expires is not None:
            document["expires"] = instant(expires)
        if dapr_app is not None:
            document["daprApp"] = dapr_app
        request = post("/1/keys", document, idempotency_key=idempotency_key)
        return self._session.send(request, values.one(ApiKey))

    def revoke(self, key_id: str) -> None:
        """Make a key invalid at once."""
        self._session.send(delete(path("keys", key_id)), values.nothing)


class Apps:
    """The Dapr apps of the account. Each method raises WakecallError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, *, limit: int | None = None) -> Pages[App]:
        """The apps by their ids."""
        return self._session.pages(get("/1/dapr-apps"), values.many(App), limit)

    def get(self, app_id: str) -> App:
        """The app with that id."""
        return self._session.send(get(path("dapr-apps", app_id)), values.one(App))

    def put(
        self,
        app_id: str,
        url: str,
        *,
        protocol: Protocol = "http",
        token: str | None = None,
        keep_token: bool = False,
    ) -> App:
        """Create or replace an app. Without `token` or `keep_token` it has no token afterwards."""
        document: dict[str, Any] = {"url": url, "protocol": protocol}
        if token is not None:
            document["token"] = token
        if keep_token:
            document["hasToken"] = True
        return self._session.send(put(path("dapr-apps", app_id), document), values.one(App))

    def delete(self, app_id: str) -> None:
        """Delete an app, which must have no jobs."""
        self._session.send(delete(path("dapr-apps", app_id)), values.nothing)


class Runners:
    """The Fusion runners of the account. Each method raises WakecallError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> tuple[Runner, ...]:
        """The runners by their types."""
        return self._session.send(get("/1/fusion-runners"), values.many(Runner))

    def get(self, runner_type: str) -> Runner:
        """The runner of that type."""
        return self._session.send(get(path("fusion-runners", runner_type)), values.one(Runner))

    def put(self, runner_type: str, url: str) -> Runner:
        """Create or replace the runner of that type."""
        request = put(path("fusion-runners", runner_type), {"url": url})
        return self._session.send(request, values.one(Runner))

    def delete(self, runner_type: str) -> None:
        """Delete the runner of that type."""
        self._session.send(delete(path("fusion-runners", runner_type)), values.nothing)
