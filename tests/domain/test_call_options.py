"""Call options: methods, times and headers that may be asked for, and those that may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.call_options import METHODS, CallOptions, check_call_options
from app.domain.retry_policy import Constant, RetryPolicy
from app.errors import InvalidMember


def refusal(options: CallOptions) -> InvalidMember:
    with pytest.raises(InvalidMember) as refused:
        check_call_options(options)
    assert refused.value.remedy
    assert len(refused.value.message) < 300
    return refused.value


def test_common_methods_timeouts_and_headers_are_accepted() -> None:
    for method in METHODS:
        check_call_options(CallOptions(method=method))
    for timeout in (1, 2.5, 60):
        check_call_options(CallOptions(timeout=timeout))
    check_call_options(
        CallOptions(
            headers=(
                ("Authorization", "Bearer abc"),
                ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                ("Accept", "application/json"),
                ("X-A.b_c!#$%&'*+^`|~", "a  b"),
                ("Content-Encoding", "gzip"),
                ("Cookie", "a=b"),
            )
        )
    )


@pytest.mark.parametrize(
    "method", ["", "post", "OPTIONS", "CONNECT", "get", "POST /", "POST\r\nX: y"]
)
def test_another_method_is_refused(method: str) -> None:
    assert refusal(CallOptions(method=method)).member == "method"


@pytest.mark.parametrize("timeout", [0, 0.999, 60.001, -1, 10**30])
def test_a_timeout_out_of_bounds_is_refused(timeout: float) -> None:
    assert refusal(CallOptions(timeout=timeout)).member == "timeout"


def test_a_retry_policy_is_judged_along() -> None:
    assert refusal(CallOptions(retry=RetryPolicy(max_attempts=0))).member == "retry.maxAttempts"


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Type", "content-length", "HOST", "User-Agent", "X-Content-Signature"),
        *("webhook-id", "Webhook-Signature", "webhook-x", "Wakecall-Job", "WAKECALL-x"),
        *("Connection", "keep-alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding"),
        *("Upgrade", "Proxy-Authorization", "Proxy-Authenticate", "Expect", "HTTP2-Settings"),
        *("", " ", "X A", "X:", "X\n", "Xé", "X\0", "(x)", "X\r\nY"),
    ],
)
def test_a_name_that_is_ours_the_connections_or_none_is_refused(name: str) -> None:
    refused = refusal(CallOptions(headers=(("X-Good", "yes"), (name, "x"))))
    assert (refused.member or "").startswith("headers.")
    assert (refused.member or "").isprintable()


@pytest.mark.parametrize("value", ["", " a", "a ", "a\n", "a\r\nb: c", "\0", "\x7f", "\t", "é"])
def test_a_value_that_no_header_can_carry_is_refused(value: str) -> None:
    assert refusal(CallOptions(headers=(("X-A", value),))).member == "headers.X-A"


def test_a_header_is_given_once_in_whatever_case() -> None:
    for first, second in (("X-A", "x-a"), ("x-a", "X-A"), ("X-a", "x-A")):
        refused = refusal(CallOptions(headers=((first, "1"), (second, "2"))))
        assert refused.member == f"headers.{second}"
        assert "more than once" in refused.message


def test_headers_are_bounded_in_number_and_size() -> None:
    check_call_options(CallOptions(headers=tuple((f"X-{number}", "x") for number in range(20))))
    many = CallOptions(headers=tuple((f"X-{number}", "x") for number in range(21)))
    assert refusal(many).member == "headers"
    check_call_options(CallOptions(headers=(("X-A", "x" * 4093),)))
    assert refusal(CallOptions(headers=(("X-A", "x" * 4094),))).member == "headers"
    assert refusal(CallOptions(headers=(("X-A", "x" * 4097),))).member == "headers.X-A"


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_header_that_is_taken_can_break_out_of_its_line(name: str, value: str) -> None:
    try:
        check_call_options(CallOptions(headers=((name, value),)))
    except InvalidMember:
        return
    line = f"{name}: {value}"
    assert line.isascii()
    assert line.isprintable()
    assert ":" not in name


def test_the_retries_of_another_dialect_are_not_for_native_jobs() -> None:
    refused = refusal(CallOptions(retry=Constant(1, 3)))
    assert refused.member == "retry"
