/** Contract: the cases that all clients play against the fault server (../contract/README.md). */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import * as wakecall from "../dist/index.js";

const ROOT = new URL("../../../", import.meta.url);
const FILE = new URL("clients/contract/cases.json", ROOT);
const CONTRACT = JSON.parse(readFileSync(FILE, "utf8"));
const { url: URL_, when, job: JOB, run: RUN } = CONTRACT;
const UNKNOWN = "00000000-0000-7000-8000-000000000000";
const CRON = "0 15 10 ? * *";

/** @type {Record<string, (client: wakecall.Client) => Promise<unknown>>} */
const CALLS = {
  book: (client) => client.jobs.book(URL_, { when }),
  bookMany: (client) => client.jobs.bookMany([1, 2].map(() => ({ url: URL_, when }))),
  fire: (client) => client.jobs.fire(JOB),
  get: (client) => client.jobs.get(JOB),
  getUnknown: (client) => client.jobs.get(UNKNOWN),
  delete: (client) => client.jobs.delete(JOB),
  deleteUnknown: (client) => client.jobs.delete(UNKNOWN),
  put: (client) => client.jobs.put("invoices", { url: URL_, cron: CRON }),
  complete: (client) => client.runs.complete(RUN, { token: "token-1" }),
  list: (client) => client.jobs.list().take(1000),
};

/**
 * @typedef {{ idempotencyKey: string | null, authorization: string, at: number, dropped?: boolean }} Seen
 * @typedef {{ requests: Seen[], bookings: number, refusingPort: number }} Report
 */

const PYTHON = process.env["PYTHON"] ?? fileURLToPath(new URL(".venv/bin/python", ROOT));
const server = spawn(PYTHON, ["-m", "tests.clients.fault_server"], {
  cwd: fileURLToPath(ROOT),
  stdio: ["pipe", "pipe", "inherit"],
});
after(() => {
  server.stdin.end();
});
const [printed] = await once(server.stdout, "data");
const PORT = Number(`${printed}`);

for (const { name, call, steps, client: further, refused, expect } of CONTRACT.cases) {
  test(name, async () => {
    const { refusingPort } = await control({ steps });
    const options = { ...CONTRACT.client, ...further };
    const client = new wakecall.Client({
      url: `http://127.0.0.1:${refused ? refusingPort : PORT}`,
      key: "key",
      timeoutMs: options.timeout * 1000,
      retries: { maxAttempts: options.maxAttempts, maxWaitMs: options.maxWait * 1000 },
    });
    /** @type {unknown} */
    let value;
    /** @type {unknown} */
    let error;
    try {
      value = await /** @type {(client: wakecall.Client) => Promise<unknown>} */ (CALLS[call])(client);
    } catch (thrown) {
      error = thrown;
    }
    const report = await control();
    checkRequests(expect, report);
    assert.equal(report.bookings, expect.bookings);
    if (expect.outcome === "value") {
      assert.equal(error, undefined);
      if (expect.items !== undefined) {
        assert.equal(/** @type {unknown[]} */ (value).length, expect.items);
      }
      return;
    }
    assert.equal(/** @type {Error} */ (error).constructor, Reflect.get(wakecall, expect.outcome));
    checkError(expect, /** @type {wakecall.WakecallError} */ (error), report);
  });
}

/**
 * Begin a case, or tell what was received.
 * @param {unknown} [document]
 * @returns {Promise<Report>}
 */
async function control(document) {
  const where = `http://127.0.0.1:${PORT}/control`;
  if (document !== undefined) {
    const begun = await fetch(where, { method: "PUT", body: JSON.stringify(document) });
    await begun.arrayBuffer();
  }
  return /** @type {Report} */ (await (await fetch(where)).json());
}

/**
 * @param {any} expect
 * @param {Report} report
 */
function checkRequests(expect, { requests }) {
  if (expect.requests !== undefined) {
    assert.equal(requests.length, expect.requests);
  }
  assert.ok(requests.length >= (expect.requestsAtLeast ?? 0));
  const keys = keysOf(requests);
  if (expect.key ?? true) {
    assert.ok(keys.size <= 1 && !keys.has(null));
  } else {
    assert.ok([...keys].every((key) => key === null));
  }
  if (expect.authorization) {
    assert.ok(requests.every(({ authorization }) => authorization === expect.authorization));
  }
  if (expect.waitedAtLeast) {
    const waited = (requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0);
    assert.ok(waited >= expect.waitedAtLeast, `${waited}`);
  }
}

/**
 * @param {any} expect
 * @param {wakecall.WakecallError} error
 * @param {Report} report
 */
function checkError(expect, error, { requests }) {
  assert.equal(error.mayBeDone, expect.mayBeDone);
  if (error.mayBeDone) {
    assert.deepEqual(keysOf(requests), new Set([error.idempotencyKey]));
  }
  for (const name of ["status", "detail", "member", "remedy", "requestId", "retryAfter"]) {
    if (expect[name] !== undefined) {
      assert.equal(Reflect.get(error, name), expect[name]);
    }
  }
}

/** The keys of the requests that were read. */
function keysOf(/** @type {Seen[]} */ requests) {
  const read = requests.filter((each) => !("dropped" in each));
  return new Set(read.map(({ idempotencyKey }) => idempotencyKey));
}
