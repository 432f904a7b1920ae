"""Signing secrets at rest: sealed with a key from the settings, opened only to sign or to show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.domain.completion import Tokens
from app.errors import Misconfigured

_ADVICE: Final = (
    "Set WAKECALL_SECRET_KEY (or WAKECALL_HOME) to the key this database was set up with; "
    "a new one comes from: python -c "
    "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


class SecretBox:
    """Seals with the first key, opens with any: so that the key can be changed."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise Misconfigured(f"No key to seal signing secrets with. {_ADVICE}")
        try:
            self._keys = [Fernet(key) for key in keys]
        except ValueError:
            raise Misconfigured(
                "WAKECALL_SECRET_KEY is not a Fernet key (32 bytes in URL-safe base64). " + _ADVICE
            ) from None
        self._fernet = MultiFernet(self._keys)

    def seal(self, secret: str) -> bytes:
        """The secret, encrypted and authenticated."""
        return self._fernet.encrypt(secret.encode("ascii"))

    def open(self, sealed: bytes) -> str:
        """The secret in `sealed`; raises Misconfigured where no key fits."""
        try:
            return self._fernet.decrypt(sealed).decode("ascii")
        except InvalidToken:
            raise Misconfigured(f"A stored signing secret does not open. {_ADVICE}") from None

    def key_of(self, sealed: bytes) -> int | None:
        """The place among the keys, counted from 0, of the one that opens this; None for none."""
        for place, key in enumerate(self._keys):
            with suppress(InvalidToken):
                key.decrypt(sealed)
                return place
        return None

    def reseal(self, sealed: bytes) -> bytes | None:
        """The same, sealed with the first key; None where it is so already, or no key opens it."""
        return self._fernet.rotate(sealed) if self.key_of(sealed) else None


def completion_tokens(keys: Sequence[str]) -> Tokens:
    """The tokens that these keys make and take; raises Misconfigured."""
    SecretBox(keys)
    return Tokens(keys)
