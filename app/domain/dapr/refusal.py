"""Refusal: the error for a member of a Dapr job that cannot be accepted."""

from __future__ import annotations

from app.domain.checks import escaped
from app.errors import InvalidMember


class Refusal(InvalidMember):
    """A member of a Dapr job is refused; `message` has Dapr's wording where Dapr refuses it too."""

    @property
    def text(self) -> str:
        """Message and remedy in one text, which follows `job failed validation: `."""
        return f"{self.message}; {self.remedy}"


def sanitize(text: str) -> str:
    """A client's text, escaped and shortened for a message, without quotes around it."""
    return escaped(text)
