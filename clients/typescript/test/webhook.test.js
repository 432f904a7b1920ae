/** Webhook: the vectors that the Python client is tested with too, and what is special here. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as wakecall from "../dist/index.js";
import { completeLater, Webhook } from "../dist/webhook.js";

/**
 * @typedef {{ name: string, secrets: string[], now: number, headers: Record<string, string>,
 *   body: string, outcome: string, call?: Record<string, unknown> }} Vector
 */

const FILE = new URL("../../contract/signatures.json", import.meta.url);
/** @type {Vector[]} */
const VECTORS = JSON.parse(readFileSync(FILE, "utf8"));
const [GENUINE] = /** @type {[Vector]} */ (/** @type {unknown} */ (VECTORS));

const webhook = (/** @type {Vector} */ { secrets, now }) =>
  new Webhook(secrets, { now: () => now * 1000 });
const bytes = (/** @type {Vector} */ { body }) => new Uint8Array(Buffer.from(body, "base64"));

for (const vector of VECTORS) {
  test(`${vector.name}: ${vector.outcome}`, async () => {
    const verified = webhook(vector).verify(bytes(vector), vector.headers);
    if (vector.outcome !== "call") {
      await assert.rejects(verified, (error) => {
        assert.ok(error instanceof wakecall.SignatureError);
        assert.equal(error.name, vector.outcome);
        return true;
      });
      return;
    }
    const call = await verified;
    const expected = { ...vector.call };
    if (typeof expected["due"] === "string") {
      expected["due"] = new Date(expected["due"]);
    }
    const names = Object.keys(expected);
    assert.deepEqual(Object.fromEntries(names.map((name) => [name, Reflect.get(call, name)])), expected);
    assert.deepEqual(call.body.bytes, bytes(vector));
    assert.equal(call.id, vector.headers["webhook-id"] ?? vector.headers["WEBHOOK-ID"]);
  });
}

test("headers are taken in every form", async () => {
  const forms = [
    new Headers(GENUINE.headers),
    Object.entries(GENUINE.headers),
    new Map(Object.entries(GENUINE.headers)),
    Object.fromEntries(Object.entries(GENUINE.headers).map(([name, value]) => [name, [value]])),
  ];
  for (const headers of forms) {
    assert.equal((await webhook(GENUINE).verify(bytes(GENUINE), headers)).attempt, 3);
  }
});

test("a Request is verified as it arrived", async () => {
  const { headers } = GENUINE;
  const request = new Request("http://x/", { method: "POST", headers, body: bytes(GENUINE) });
  assert.deepEqual((await webhook(GENUINE).verifyRequest(request)).body.json(), { order: 7 });
});

test("a body that is not bytes is refused with the reason", async () => {
  const text = /** @type {Uint8Array} */ (/** @type {unknown} */ ('{"order": 7}'));
  await assert.rejects(webhook(GENUINE).verify(text, GENUINE.headers), /bytes of the body/);
});

test("what is signed is verified", async () => {
  const signer = new Webhook(GENUINE.secrets);
  const body = new TextEncoder().encode("Wake up!");
  const headers = await signer.sign("run-1", body);
  assert.equal((await signer.verify(body, headers)).body.text, "Wake up!");
});

test("a malformed secret is refused without being shown", () => {
  for (const secret of ["whsec_MTIz", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""]) {
    assert.throws(() => new Webhook(secret), { message: /24 to 64 bytes in base64\.$/ });
  }
  assert.throws(() => new Webhook([]), TypeError);
});

test("a tolerance or a clock that is not a number accepts no old call", async () => {
  const { secrets, headers } = GENUINE;
  for (const tolerance of [Number(undefined), -1]) {
    assert.throws(() => new Webhook(secrets, { tolerance }), TypeError);
  }
  const stopped = new Webhook(secrets, { now: () => Number.NaN });
  await assert.rejects(stopped.verify(bytes(GENUINE), headers), wakecall.Stale);
  const patient = new Webhook(secrets, { tolerance: Number.POSITIVE_INFINITY });
  assert.equal((await patient.verify(bytes(GENUINE), headers)).attempt, 3);
});

test("a receiver announces that it reports later", () => {
  assert.deepEqual(completeLater(7200), { "Wakecall-Complete": "later; within=7200" });
  assert.deepEqual(completeLater(), { "Wakecall-Complete": "later; within=3600" });
  assert.deepEqual(completeLater(1.5), { "Wakecall-Complete": "later; within=1" });
  assert.deepEqual(completeLater(604_800), { "Wakecall-Complete": "later; within=604800" });
  for (const within of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 0.5, 604_801]) {
    assert.throws(() => completeLater(within), TypeError);
  }
});
