/** Receiver: the one of the documentation goes on, whatever strangers send. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { Webhook } from "../dist/webhook.js";
import { scripted } from "./scripted_server.js";

const PAGE = new URL("../../../docs/typescript.md", import.meta.url);
const SECRET = { value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", created: "2026-11-22T09:00:00Z" };
const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";

/**
 * The program of the page that has this text, with what is built here.
 * @param {string} text
 */
function program(text) {
  const blocks = readFileSync(PAGE, "utf8").split("```").filter((block) => block.includes(text));
  assert.equal(blocks.length, 1);
  const built = (/** @type {string} */ name) => JSON.stringify(new URL(`../dist/${name}.js`, import.meta.url).href);
  return `${blocks[0]}`
    .slice(`${blocks[0]}`.indexOf("\n"))
    .replace('"wakecall"', built("index"))
    .replace('"wakecall/webhook"', built("webhook"));
}

/**
 * Where a file with this text is, for the time of a test.
 * @param {string} text
 */
function written(text) {
  const folder = mkdtempSync(join(tmpdir(), "receiver-"));
  after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "receiver.mjs"), text);
  return join(folder, "receiver.mjs");
}

/** The receiver of the page on Node's server, as a program with the port that it listens on. */
async function listening(/** @type {string} */ url) {
  const listens = '.listen(0, "127.0.0.1", function () { console.log(this.address().port); })';
  const path = written(program("createServer(").replace(".listen(9000)", listens));
  const env = { ...process.env, WAKECALL_URL: url, WAKECALL_KEY: "wk_test" };
  const child = spawn(process.execPath, [path], { env, stdio: ["ignore", "pipe", "pipe"] });
  after(() => child.kill());
  const port = Number(await new Promise((resolve) => child.stdout.once("data", resolve)));
  return { child, port };
}

/** A call whose payload is not text. */
async function binaryCall() {
  const body = new Uint8Array([0xff, 0x00, 0xfe]);
  return { method: "POST", body, headers: await new Webhook(SECRET.value).sign("run-1", body) };
}

test("a sender that goes away does not end the receiver", async () => {
  const { url } = await scripted({ body: [SECRET] });
  const { child, port } = await listening(url);

  const gone = connect(port, "127.0.0.1");
  await new Promise((resolve) => gone.write(HEAD, resolve));
  gone.destroy();
  for (let asked = 0; asked < 3; asked += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "x" });
    assert.equal(answer.status, 401);
  }
  assert.equal(child.exitCode, null);
});

test("a receiver takes a payload that is not text", async () => {
  const text = program("verifyRequest(").replace(/(SECRETS = ).*/, `$1[${JSON.stringify(SECRET.value)}];`);
  const { default: receiver } = await import(written(text));
  const answer = await receiver.fetch(new Request("http://127.0.0.1/wake", await binaryCall()));
  assert.equal(answer.status, 204);
});

test("the result of a payload that is not text is reported", { timeout: 20_000 }, async () => {
  const { promise, resolve } = reported();
  const { url } = await scripted({ body: [SECRET] }, { body: {}, then: resolve });
  const { port } = await listening(url);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`, await binaryCall())).status, 202);
  const { url: path, body } = await promise;
  assert.deepEqual([path, JSON.parse(body).status], ["/1/runs/run-1/complete", "failed"]);
});

/** A promise of the request that is reported to `resolve`. */
function reported() {
  /** @type {(request: import("./scripted_server.js").Received) => void} */
  let resolve = () => {};
  /** @type {Promise<import("./scripted_server.js").Received>} */
  const promise = new Promise((given) => {
    resolve = given;
  });
  return { promise, resolve };
}
