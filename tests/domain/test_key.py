"""ApiKey text: well-formed keys are read, every slip of the pen is not."""

from __future__ import annotations

import hashlib
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.key import ID_LENGTH, PREFIX, compose, read

RANDOM = st.binary(min_size=58, max_size=80)


@given(random=RANDOM)
def test_what_is_composed_is_read(random: bytes) -> None:
    text = compose(random)
    key = read(text)

    assert key is not None
    assert key.id == text[len(PREFIX) : len(PREFIX) + ID_LENGTH]
    assert key.digest == hashlib.sha256(text.encode()).digest()


@given(random=RANDOM, index=st.integers(min_value=0, max_value=50), to=st.characters())
def test_one_wrong_character_is_noticed(random: bytes, index: int, to: str) -> None:
    text = compose(random)
    wrong = text[:index] + to + text[index + 1 :]

    assert (read(wrong) is None) is (wrong != text)


@given(text=st.text(max_size=60))
def test_arbitrary_text_is_not_a_key(text: str) -> None:
    assert read(text) is None


def test_keys_differ_and_need_enough_randomness() -> None:
    assert compose(secrets.token_bytes(64)) != compose(secrets.token_bytes(64))
    with pytest.raises(ValueError, match="random bytes"):
        compose(b"x" * 57)
