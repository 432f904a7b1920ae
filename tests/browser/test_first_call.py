"""The first call in a browser, on an instance in real processes: the page notices it by itself."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.chromium import Watched
from tests.e2e.conftest import Report, at_home, report
from tests.e2e.first_call import EMAIL, LIMIT_S, PASSWORD, invite

__all__ = ["report"]

PATIENCE_MS = 60_000


def test_whoever_joins_sees_a_verified_call_without_doing_anything_more(
    tmp_path: Path, browser: Browser, report: Report
) -> None:
    with at_home(tmp_path / "home", WAKECALL_ALLOW_TARGETS="") as instance:
        instance.start()
        instance.wait_until_ready()
        base = f"http://127.0.0.1:{instance.port}"
        context = browser.new_context(base_url=base)
        watched = Watched(context, base)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        path = invite(instance)
        begun = time.monotonic()

        page.goto(path)
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Account name").fill("ada")
        page.get_by_role("button", name="Create account").click()
        page.get_by_role("button", name="Book the call").click()
        # From here on the page does everything by itself.
        expect(page.locator("#step-2")).to_contain_text("due in", timeout=PATIENCE_MS)
        expect(page.locator("#step-3")).to_contain_text("verified", timeout=PATIENCE_MS)

        took = time.monotonic() - begun
        report(f"join to verified call, with script: {took:.1f} s")
        assert took < LIMIT_S
        context.close()
        assert watched.failures == []
