"""The TypeScript client with its compiler: run by `make test-sdks` alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.typescript import toolchain
from tests.clients.typescript.node import PACKAGE, PATIENCE_S

pytestmark = pytest.mark.toolchain


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with its compiler."""
    return toolchain.installed(tmp_path_factory.mktemp("typescript"))


def npm(package: Path, *arguments: str) -> str:
    """What npm prints; fails where npm does."""
    done = subprocess.run(
        ["npm", *arguments],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_types_are_right_in_sources_and_tests(package: Path) -> None:
    npm(package, "run", "check")


def test_what_is_checked_in_is_what_the_sources_are_built_into(package: Path) -> None:
    npm(package, "run", "build")
    built = {each.name: each.read_bytes() for each in (package / "dist").iterdir()}
    assert built == {each.name: each.read_bytes() for each in (PACKAGE / "dist").iterdir()}
    assert len([name for name in built if name.endswith(".d.ts")]) > 10


def test_the_package_holds_what_it_exports_and_nothing_else(package: Path) -> None:
    (packed,) = json.loads(npm(package, "pack", "--dry-run", "--json", "--ignore-scripts"))
    files = {each["path"] for each in packed["files"]}
    exports = json.loads((package / "package.json").read_text())["exports"]
    exported = {path.removeprefix("./") for each in exports.values() for path in each.values()}
    assert exported <= files
    assert {path for path in files if not path.startswith("dist/")} == {"README.md", "package.json"}


PROGRAM = """\
import { Client, type Job, NoAnswer } from "./dist/index.js";
import { Webhook } from "./dist/webhook.js";

const client = new Client({ url: "https://example.com", retries: { maxAttempts: 2 } });
const job: Job = await client.jobs.book("https://example.com", { after: "1m", json: 7 });
const next: Date | undefined = job.next;
for await (const run of client.runs.list({ state: "failed" })) console.log(run.due, next);
const call = await new Webhook("whsec_").verify(new Uint8Array(), new Headers());
const token: string | undefined = call.token;
console.log(token, new NoAnswer().idempotencyKey);
// @ts-expect-error
void client.jobs.book("https://example.com", { wen: "now" });
"""


def test_a_program_of_a_user_is_checked_by_the_declarations(package: Path) -> None:
    (package / "program.ts").write_text(PROGRAM)
    options = ("--strict", "--noEmit", "--exactOptionalPropertyTypes", "--skipLibCheck", "false")
    flags = ("--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--types", "")
    npm(package, "exec", "--", "tsc", "--ignoreConfig", *options, *flags, "program.ts")
