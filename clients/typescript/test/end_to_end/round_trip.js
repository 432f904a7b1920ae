/** Round trip: a program that books calls of a real Wakecall, receives and verifies them. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { Client, completeLater, Conflict, InvalidMember, NotFound, Webhook } from "../../dist/index.js";

const client = new Client({ timeoutMs: 60_000 });
const patience = { timeoutMs: 120_000 };

/** A server that hands out the calls that arrive, verified, and answers them by their path. */
async function receiver() {
  const webhook = new Webhook((await client.secrets.list()).map(({ value }) => value));
  /** @type {import("../../dist/index.js").Call[]} */
  const calls = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) {
      parts.push(part);
    }
    const call = await webhook.verify(Buffer.concat(parts), request.headers);
    const isFailing = request.url === "/failing" && calls.length < 2;
    const later = request.url === "/later";
    response.writeHead(later ? 202 : isFailing ? 410 : 204, later ? completeLater(600) : {}).end();
    calls.push(call);
    server.emit("call", call);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const next = async () => (await once(server, "call"))[0];
  return { server, next, url: `http://127.0.0.1:${port}` };
}

const { server, next, url } = await receiver();

// A call that is completed later, with the token that came with it.
const arriving = next();
const booked = await client.jobs.book(`${url}/later`, { after: "500ms", json: { order: 7 }, tags: ["round-trip"] });
const call = await arriving;
assert.equal(call.job, booked.id);
assert.deepEqual(call.body.json(), { order: 7 });
assert.equal(call.due.getTime(), booked.when?.getTime());
const withoutKey = new Client({ key: "", timeoutMs: 60_000 });
await withoutKey.runs.complete(call.id, { message: "shipped", token: call.token });
const run = await client.waitFor(booked, patience);
assert.equal(run.state, "succeeded");
assert.equal(run.reason, "shipped");
assert.equal(run.attempts[0]?.status, 202);

// A call that fails for good, and is sent again.
const failing = next();
const failed = await client.jobs.book(`${url}/failing`, { after: "200ms", data: "Wake up!" });
await failing;
const ended = await client.waitFor(failed, patience);
assert.equal(ended.state, "failed");
const counted = await client.runs.redeliverAll({ job: failed.id, dryRun: true });
assert.equal(counted.count, 1);
const again = next();
await client.runs.redeliver(ended.id);
assert.equal((await again).id, ended.id);
assert.equal((await client.waitFor(ended, patience)).state, "succeeded");
assert.equal((await client.runs.attempts(ended.id).take(10)).length, 2);

// The same booking twice is one job.
const options = { idempotencyKey: crypto.randomUUID() };
const future = { when: "2100-01-01T00:00:00Z", tags: ["round-trip"] };
const first = await client.jobs.book(url, future, options);
const second = await client.jobs.book(url, future, options);
assert.equal(first.id, second.id);
assert.deepEqual(first.when, new Date("2100-01-01T00:00:00Z"));

// Jobs by name, lists, pausing and firing.
const nightly = { url, cron: "0 15 10 ? * *", timezone: "Europe/Berlin", tags: ["round-trip"] };
assert.equal((await client.jobs.put("a/b c", nightly)).outcome, "created");
const { id } = await client.jobs.byName("a/b c");
assert.equal((await client.jobs.pause(id)).enabled, false);
assert.equal((await client.jobs.resume(id)).enabled, undefined);
const fired = next();
const manual = await client.jobs.fire(id);
assert.equal((await fired).id, manual.id);
await client.jobs.bookMany([{ url, ...future }, { url, ...future }]);
const listed = await client.jobs.list({ tags: ["round-trip"], limit: 2 }).take(100);
assert.equal(listed.length, 4);
const upcoming = await client.upcoming({ tags: ["round-trip"] }).take(1);
assert.equal(upcoming[0]?.job, id);
for (const job of listed) {
  await client.jobs.delete(job.id);
}
await assert.rejects(client.jobs.get(id), NotFound);

// What a schedule would do, and refusals.
const preview = await client.preview({ cron: "0 30 2 * * ?", timezone: "Europe/Berlin", count: 2 });
assert.equal(preview.next.length, 2);
assert.equal((await client.jobs.check(url, future)).id, undefined);
await assert.rejects(client.jobs.book(url, { cron: "0 * * * * ?" }), (error) => {
  assert.ok(error instanceof InvalidMember && error.member === "cron" && error.remedy);
  return true;
});
await assert.rejects(client.runs.complete(ended.id, { status: "failed" }), Conflict);

// An inbox, which is followed.
const inbox = await client.inboxes.create({ label: "round trip" });
await client.jobs.book(inbox.url, { after: "200ms", data: new Uint8Array([0, 255]) });
const [received] = await client.inboxes.next(inbox.id, { after: 0 });
assert.equal(received?.signature, "verified");
assert.deepEqual(received?.data.bytes, new Uint8Array([0, 255]));
assert.deepEqual((await client.inboxes.calls(inbox.id).take(5)).map(({ number }) => number), [1]);
await client.inboxes.delete(inbox.id);

// The account.
const account = await client.account();
assert.ok(account.limits["jobs"]);
assert.ok((await client.accuracy()).day.deliveries >= 0);
const key = await client.keys.create({ scope: "read", label: "round trip" });
assert.ok((await client.keys.list().take(1000)).some((each) => each.id === key.id));
await client.keys.revoke(key.id);
await client.apps.put("round-trip", { url });
assert.equal((await client.apps.get("round-trip")).protocol, "http");
await client.apps.delete("round-trip");
const answer = await client.request("GET", "/1/jobs?limit=1", { headers: { accept: "text/plain" } });
assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");

server.closeAllConnections();
server.close();
console.log("round trip: done");
