from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.idempotency import MAX_KEY, fingerprint, is_final, read_key
from app.errors import InvalidMember

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


@given(st.text(VISIBLE, min_size=1, max_size=MAX_KEY))
def test_a_key_is_the_same_bare_and_quoted(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert read_key(f' "{escaped}"\t') == key
    if not set(key) & set(',"'):
        assert read_key(f" {key}\t") == key


@pytest.mark.parametrize(
    "field",
    [
        *("", " ", '""', "a b", '"a b"', "a,b", '"a","b"', '"a', 'a"', '"a"b', '"\\a"', '"a\\"'),
        *("a" * (MAX_KEY + 1), f'"{"a" * (MAX_KEY + 1)}"', "ä", '"ä"', "a\x00", "\x7f", '"a"; x=1'),
    ],
)
def test_an_invalid_idempotency_key_is_refused_by_name(field: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        read_key(field)
    assert refused.value.member == "Idempotency-Key"
    assert "1 to 255" in refused.value.remedy


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_requests_have_one_fingerprint_only_where_they_are_the_same(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_what_moves_between_parts_makes_another_request() -> None:
    prints = [fingerprint(parts) for parts in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",))]
    assert all(before != after for before, after in pairwise(prints))


def test_only_what_would_come_out_the_same_is_kept() -> None:
    kept = [status for status in range(100, 600) if is_final(status)]
    assert kept == [*range(200, 300), 400, 406, 413, 414, 415, 422]
