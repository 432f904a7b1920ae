"""Loops: a job that has itself called again, through the whole service, comes to an end."""

from __future__ import annotations

from tests.e2e.instance import Instance, until

YEARLY = "0 0 0 1 1 ?"


def test_a_call_that_fires_its_own_job_ends_three_calls_deep(running: Instance) -> None:
    api = f"http://127.0.0.1:{running.port}"
    document: dict[str, object] = {"url": f"{api}/", "cron": YEARLY}
    job = running.ask("POST", "/1/jobs", document).body["id"]
    document |= {
        "url": f"{api}/1/jobs/{job}/fire",
        "headers": {"Authorization": f"Bearer {running.key}"},
        "retry": {"maxAttempts": 1},
    }
    assert running.ask("PUT", f"/1/jobs/{job}", document).status == 200
    assert running.ask("POST", f"/1/jobs/{job}/fire").status == 202

    def states() -> list[str]:
        return [run["state"] for run in running.ask("GET", f"/1/jobs/{job}/runs").body]

    until(lambda: "failed" in states(), "the last call is refused")
    assert sorted(states()) == ["failed", "succeeded", "succeeded"]
    (last,) = (
        run for run in running.ask("GET", f"/1/jobs/{job}/runs").body if run["state"] == "failed"
    )
    assert "508" in last["reason"]
