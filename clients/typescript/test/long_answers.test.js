/** Long answers: how much of one is read, and in which parts it may arrive. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as wakecall from "../dist/index.js";

const JOB = { id: "01a20290-02a5-7912-8f6b-3eecfd25d680", account: "demo" };

test("an answer is read up to 64 MiB", async () => {
  const part = new TextEncoder().encode("é".repeat(512 * 1024));
  let asked = 0;
  let isCancelled = false;
  const endless = () =>
    new ReadableStream({
      pull: (controller) => {
        asked += 1;
        controller.enqueue(part);
      },
      cancel: () => {
        isCancelled = true;
      },
    });
  const fetch = () => Promise.resolve(new Response(endless()));
  const retries = { maxAttempts: 1 };
  const client = new wakecall.Client({ url: "http://127.0.0.1:1", key: "wk", fetch, retries });
  await assert.rejects(client.jobs.get(JOB.id), (error) => {
    assert.ok(error instanceof wakecall.NoAnswer);
    assert.match(error.message, /the answer is too long/);
    return true;
  });
  assert.ok(asked <= 67);
  assert.ok(isCancelled);
});

test("an answer that arrives in parts is one text", async () => {
  const document = new TextEncoder().encode(JSON.stringify({ ...JOB, name: "é€😀" }));
  const parts = [...document].map((byte) => new Uint8Array([byte]));
  const start = (/** @type {ReadableStreamDefaultController} */ controller) => {
    parts.forEach((part) => controller.enqueue(part));
    controller.close();
  };
  const fetch = () => Promise.resolve(new Response(new ReadableStream({ start })));
  const client = new wakecall.Client({ url: "http://127.0.0.1:1", key: "wk", fetch });
  assert.equal((await client.jobs.get(JOB.id)).name, "é€😀");
});
