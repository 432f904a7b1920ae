"""The checks of signatures on the page, on calls that Wakecall signs, in each language at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from app.console.verifiers import VERIFIERS
from app.delivery.request import Delivery, build
from app.docs_site.sources import ROOT
from app.domain import secret as secrets
from tests.docs_site.blocks import blocks_of

PAGE = ROOT / "docs" / "how-to" / "verify-signatures.md"
CODE = {each.fence.tab: each.text for each in blocks_of(PAGE, ROOT) if each.fence.tab}
OWN, NEW, FOREIGN = (secrets.new_secret() for _ in range(3))
BODY = "Wake up! ☎".encode()

# Each program reads cases as JSON and prints whether each is genuine.
PYTHON = """
import json, sys
for case in json.load(sys.stdin):
    print(is_from_wakecall(case["headers"], bytes.fromhex(case["body"])))
"""
NODE = """
const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
for (const each of cases) console.log(isFromWakecall(each.headers, Buffer.from(each.body, "hex")));
"""
GO = """package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	var cases []struct { Headers map[string]string; Body string }
	json.NewDecoder(os.Stdin).Decode(&cases)
	for _, each := range cases {
		header := http.Header{}
		for name, value := range each.Headers { header.Set(name, value) }
		body, _ := hex.DecodeString(each.Body)
		fmt.Println(isFromWakecall(header, body))
	}
}

"""
RUBY = """
require "json"

JSON.parse($stdin.read).each do |each|
  puts from_wakecall?(each["headers"], [each["body"]].pack("H*"))
end
"""
PHP = """
foreach (json_decode(stream_get_contents(STDIN), true) as $each) {
    echo is_from_wakecall($each['headers'], hex2bin($each['body'])) ? "true\\n" : "false\\n";
}
"""


def case(secret_list: list[str], sent: int, body: bytes = BODY) -> dict[str, object]:
    """A call that Wakecall signed, whose body may have been changed on its way."""
    delivery = Delivery(
        run_id=UUID(int=7),
        job_id=UUID(int=8),
        url="http://127.0.0.1/wake",
        content_type="text/plain",
        signature=None,
        data=BODY,
        due_at=datetime.now(UTC),
        attempt=1,
    )
    built = build(delivery, secret_list, sent)
    headers = dict(line.split(": ", 1) for line in built.headers)
    return {"headers": {name.lower(): value for name, value in headers.items()}, "body": body.hex()}


def cases() -> tuple[list[dict[str, object]], list[bool]]:
    now = int(time.time())
    return [
        case([OWN], now),
        case([NEW, OWN], now),
        case([FOREIGN], now),
        case([OWN], now - 3600),
        case([OWN], now + 3600),
        case([OWN], now, b"Sleep on!"),
    ], [True, True, False, False, False, False]


def run(command: list[str], folder: Path, further: Mapping[str, str] | None = None) -> list[bool]:
    sent, _ = cases()
    done = subprocess.run(
        command,
        input=json.dumps(sent),
        env={**os.environ, "WAKECALL_SECRET": OWN, **(further or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.lower() == "true" for line in done.stdout.split()]


def test_python(tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_text(CODE["Python"] + PYTHON)
    assert run([sys.executable, "verify.py"], tmp_path) == cases()[1]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is missing")
def test_node(tmp_path: Path) -> None:
    (tmp_path / "verify.js").write_text(CODE["JavaScript"] + NODE)
    assert run(["node", "verify.js"], tmp_path) == cases()[1]


@pytest.mark.skipif(shutil.which("go") is None, reason="go is missing")
def test_go(tmp_path: Path) -> None:
    (tmp_path / "verify.go").write_text(GO + CODE["Go"])
    assert run(["go", "run", "verify.go"], tmp_path, {"GOFLAGS": "-mod=mod"}) == cases()[1]


@pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is missing")
def test_ruby(tmp_path: Path) -> None:
    (tmp_path / "verify.rb").write_text(CODE["Ruby"] + RUBY)
    assert run(["ruby", "-w", "verify.rb"], tmp_path) == cases()[1]


@pytest.mark.skipif(shutil.which("php") is None, reason="php is missing")
def test_php(tmp_path: Path) -> None:
    (tmp_path / "verify.php").write_text(f"<?php\n{CODE['PHP']}{PHP}")
    assert run(["php", "-d", "display_errors=stderr", "verify.php"], tmp_path) == cases()[1]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")
def test_shell(tmp_path: Path) -> None:
    (tmp_path / "verify.sh").write_text(CODE["Shell"])
    found = []
    for each in cases()[0]:
        headers = each["headers"]
        assert isinstance(headers, dict)
        arguments = [headers[f"webhook-{part}"] for part in ("id", "timestamp", "signature")]
        done = subprocess.run(
            ["sh", "verify.sh", *arguments],
            input=bytes.fromhex(str(each["body"])),
            env={**os.environ, "WAKECALL_SECRET": OWN},
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert done.stderr == b""
        found.append(done.returncode == 0)
    assert found == cases()[1]


@pytest.mark.parametrize(
    ("tab", "language"),
    [("Python", "Python"), ("JavaScript", "Node.js"), ("Go", "Go"), ("PHP", "PHP")],
)
def test_the_console_shows_the_same_code(tab: str, language: str) -> None:
    assert "".join(CODE[tab].split()) == "".join(VERIFIERS[language].split())
