"""Signing: what `sign` makes, `verify` and the standard's own library accept."""

from __future__ import annotations

from pathlib import Path

import pytest
import standardwebhooks

from tests.clients.cli.invocation import NOW, Commands
from wakecall.cli.failures import Exit

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
RUN = "01a20290-027f-7fc0-b123-b43bd8583de0"


@pytest.fixture
def secrets(home: Path) -> str:
    path = home / "secrets"
    path.write_text(f"{SECRET}\n{OLDER}\n")
    return str(path)


def test_a_signature_is_that_of_standard_webhooks(wakecall: Commands, secrets: str) -> None:
    done = wakecall.run("sign", "--secret-file", secrets, "--id", RUN, "--json", given='{"a": 1}')

    headers = done.json()
    assert headers["webhook-timestamp"] == f"{int(NOW.timestamp())}"
    for secret in (SECRET, OLDER):
        webhook = standardwebhooks.Webhook(secret)
        assert webhook.sign(RUN, NOW, '{"a": 1}') in headers["webhook-signature"].split()


def verify(
    wakecall: Commands, secrets: str, *options: str, body: str = "x", at: int = 0
) -> tuple[int, str, str]:
    sent = f"{int(NOW.timestamp()) - at}"
    signed = wakecall.run(
        *("sign", "--secret-file", secrets, "--id", RUN, "--timestamp", sent), given="x"
    )
    signature = signed.out.splitlines()[2].removeprefix("webhook-signature: ")
    done = wakecall.run(
        *("verify", "--secret-file", secrets, "--id", RUN, "--timestamp", sent),
        *("--signature", signature, *options),
        given=body,
    )
    return done.code, done.out, done.err


def test_a_genuine_call_is_verified(wakecall: Commands, secrets: str) -> None:
    assert verify(wakecall, secrets) == (0, "verified\n", "")


def test_another_body_and_an_old_call_are_not(wakecall: Commands, secrets: str) -> None:
    other = verify(wakecall, secrets, body="y")
    old = verify(wakecall, secrets, at=301)

    assert (other[:2], old[:2]) == ((Exit.REFUSED, ""), (Exit.REFUSED, ""))
    assert "300 s" in old[2]
    assert verify(wakecall, secrets, "--tolerance", "0", at=3010)[0] == 0
    assert verify(wakecall, secrets, "--tolerance", "9" * 20, at=3010)[0] == 0


@pytest.mark.parametrize("content", ["", "whsec_!", "whsec_"])
def test_a_file_without_secrets_is_wrong_usage(
    wakecall: Commands, home: Path, content: str
) -> None:
    (home / "secrets").write_text(content)

    done = wakecall.run("sign", "--secret-file", str(home / "secrets"), "--id", RUN, given="x")

    assert (done.code, done.out) == (Exit.USAGE, "")
