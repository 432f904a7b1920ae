"""Refusal: what Dapr's clients are told of a schedule that cannot be taken."""

from __future__ import annotations

from app.domain.checks import escaped
from app.errors import InvalidMember


class Refusal(InvalidMember):
    """A member of a Dapr job that cannot be taken; `message` is as Dapr words it, if Dapr does."""

    @property
    def text(self) -> str:
        """Reason and remedy in one: what stands behind `job failed validation: `."""
        return f"{self.message}; {self.remedy}"


def sanitize(text: str) -> str:
    """A client's words, safe and short enough for any message, without quotes around them."""
    return escaped(text)
