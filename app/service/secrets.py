"""Secrets: seals secrets with a key from the settings, and opens them to sign or to show them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.domain.completion import Tokens
from app.errors import Misconfigured

_ADVICE: Final = (
    "Set WAKECALL_SECRET_KEY (or WAKECALL_HOME) to the key this database was set up with; "
    "generate a new key with: python -c "
    "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


class SecretBox:
    """Encrypts with the first key and decrypts with any, so that the key can be changed."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise Misconfigured(f"There is no key to encrypt signing secrets with. {_ADVICE}")
        try:
            self._keys = [Fernet(key) for key in keys]
        except ValueError:
            raise Misconfigured(
                "WAKECALL_SECRET_KEY is not a Fernet key (32 bytes in URL-safe base64). " + _ADVICE
            ) from None
        self._fernet = MultiFernet(self._keys)

    def seal(self, secret: str) -> bytes:
        """Return the secret, encrypted and authenticated."""
        return self._fernet.encrypt(secret.encode("ascii"))

    def open(self, sealed: bytes, *, max_age_s: int | None = None) -> str:
        """Return the secret in `sealed`; raises Misconfigured if no key decrypts it.

        With `max_age_s`, also if it was sealed longer ago.
        """
        try:
            return self._fernet.decrypt(sealed, max_age_s).decode("ascii")
        except InvalidToken:
            raise Misconfigured(f"A stored signing secret cannot be decrypted. {_ADVICE}") from None

    def key_of(self, sealed: bytes) -> int | None:
        """Return the index, from 0, of the key that decrypts this value; None if no key does."""
        for index, key in enumerate(self._keys):
            with suppress(InvalidToken):
                key.decrypt(sealed)
                return index
        return None

    def reseal(self, sealed: bytes) -> bytes | None:
        """Return the value sealed with the first key; None if it already is, or no key opens it."""
        return self._fernet.rotate(sealed) if self.key_of(sealed) else None


def completion_tokens(keys: Sequence[str]) -> Tokens:
    """Return the completion tokens that these keys make and verify; raises Misconfigured."""
    SecretBox(keys)
    return Tokens(keys)
