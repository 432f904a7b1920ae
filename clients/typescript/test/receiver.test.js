/** Receiver: the one of the documentation goes on, whatever strangers send. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { scripted } from "./scripted_server.js";

const PAGE = new URL("../../../docs/typescript.md", import.meta.url);
const SECRET = { value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", created: "2026-11-22T09:00:00Z" };
const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";

/** The program of the page, with what is built here, which prints the port that it listens on. */
function program() {
  const blocks = readFileSync(PAGE, "utf8").split("```").filter((block) => block.includes("createServer("));
  assert.equal(blocks.length, 1);
  const built = (/** @type {string} */ name) => JSON.stringify(new URL(`../dist/${name}.js`, import.meta.url).href);
  return `${blocks[0]}`
    .slice(`${blocks[0]}`.indexOf("\n"))
    .replace('"wakecall"', built("index"))
    .replace('"wakecall/webhook"', built("webhook"))
    .replace(".listen(9000)", '.listen(0, "127.0.0.1", function () { console.log(this.address().port); })');
}

test("a sender that goes away does not end the receiver", async () => {
  const { url } = await scripted({ body: [SECRET] });
  const folder = mkdtempSync(join(tmpdir(), "receiver-"));
  writeFileSync(join(folder, "receiver.mjs"), program());
  const env = { ...process.env, WAKECALL_URL: url, WAKECALL_KEY: "wk_test" };
  const child = spawn(process.execPath, [join(folder, "receiver.mjs")], { env, stdio: ["ignore", "pipe", "pipe"] });
  after(() => {
    child.kill();
    rmSync(folder, { recursive: true });
  });
  const port = Number(await new Promise((resolve) => child.stdout.once("data", resolve)));

  const gone = connect(port, "127.0.0.1");
  await new Promise((resolve) => gone.write(HEAD, resolve));
  gone.destroy();
  for (let asked = 0; asked < 3; asked += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "x" });
    assert.equal(answer.status, 401);
  }
  assert.equal(child.exitCode, null);
});
