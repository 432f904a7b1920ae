/** Requests: what is sent, what comes back, and which error a call ends with. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import * as wakecall from "../dist/index.js";
import { problem, scripted } from "./scripted_server.js";

const JOB = { id: "01a20290-02a5-7912-8f6b-3eecfd25d680", account: "demo" };
const URL_ = "https://example.com/wake";

test("a booking is sent as its document", async () => {
  const { client, received } = await scripted({ status: 201, body: JOB });
  await client.jobs.book(URL_, {
    when: new Date("2030-05-11T15:30:00Z"),
    data: new Uint8Array([255, 0]),
    tags: ["billing"],
    retry: { maxAttempts: 3 },
  });
  const [{ method, url, headers, body }] = /** @type {[import("./scripted_server.js").Received]} */ (received);
  assert.equal(`${method} ${url}`, "POST /1/jobs");
  assert.equal(headers.authorization, "Bearer wk_test");
  assert.equal(headers["content-type"], "application/json");
  assert.match(`${headers["user-agent"]}`, /^wakecall-typescript\/\d/);
  assert.deepEqual(JSON.parse(body), {
    url: URL_,
    when: "2030-05-11T15:30:00.000Z",
    data: "/wA=",
    dataEncoding: "base64",
    tags: ["billing"],
    retry: { maxAttempts: 3 },
  });
});

test("a span is counted from now, and a value is sent as JSON", async () => {
  const { client, received } = await scripted({ status: 201, body: JOB });
  const before = Date.now();
  await client.jobs.book(URL_, { after: "1h30m", json: { order: 7 } });
  await client.jobs.book(URL_, { after: { hours: 1, minutes: 30 } });
  // As a Temporal.Duration, which has its members from its prototype.
  const duration = Object.create({ years: 0, months: 0, weeks: 1, days: -7, minutes: 90, nanoseconds: 5 });
  await client.jobs.book(URL_, { after: duration });
  const documents = received.map(({ body }) => JSON.parse(body));
  for (const { when } of documents) {
    const span = Date.parse(when) - before - 5_400_000;
    assert.ok(span >= 0 && span < 60_000);
  }
  assert.equal(documents[0].data, '{"order":7}');
  assert.equal(documents[0].contentType, "application/json");
});

test("what cannot be sent is refused before", async () => {
  const { client, received } = await scripted({});
  await assert.rejects(client.jobs.book(URL_, { after: "soon" }), /"10m" or "1h30m"/);
  await assert.rejects(client.jobs.book(URL_, { after: "1m", when: "2030-01-01T00:00:00Z" }), TypeError);
  await assert.rejects(client.jobs.book(URL_, { after: "1m", data: "a", json: 1 }), TypeError);
  await assert.rejects(client.jobs.book(URL_, { after: "1m" }, { idempotencyKey: 'a "b"' }), TypeError);
  await assert.rejects(client.jobs.byName(".."), /part of an address/);
  const never = new Date("soon");
  await assert.rejects(client.keys.create({ scope: "read", expires: never }), TypeError);
  await assert.rejects(client.jobs.book(URL_, { when: never }), TypeError);
  await assert.rejects(client.jobs.book(URL_, { after: "999999999d" }), TypeError);
  const months = /** @type {{ minutes: number }} */ ({ months: 1, minutes: 1 });
  await assert.rejects(client.jobs.book(URL_, { after: months }), /no months/);
  const minute = /** @type {{ minutes: number }} */ (/** @type {unknown} */ ({ minute: 1 }));
  await assert.rejects(client.jobs.book(URL_, { after: minute }), /no "minute"/);
  await assert.rejects(client.jobs.book(URL_, { after: "1m", timeout: Number.NaN }), TypeError);
  await assert.rejects(client.jobs.book(URL_, { after: "1m", retry: { schedule: [1 / 0] } }), TypeError);
  await assert.rejects(client.secrets.rotate({ overlap: Number.NaN }), TypeError);
  await assert.rejects(client.runs.redeliverAll({ before: never }), TypeError);
  await assert.rejects(client.runs.list({ after: never }).take(1), TypeError);
  for (const path of ["//elsewhere.example/1/jobs", "/1/jobs/by-name/a#b", "/1/jobs/by-name/a\\b", "/1/jobs?tag=a b"]) {
    await assert.rejects(client.request("DELETE", path), /begins with one slash/);
  }
  assert.deepEqual(received, []);
});

test("a time limit or a number of elements that is not a number is refused", async () => {
  const { client, received, url } = await scripted({ body: [] });
  for (const timeoutMs of [Number.NaN, 0, -1]) {
    assert.throws(() => new wakecall.Client({ url, key: "wk", timeoutMs }), TypeError);
    await assert.rejects(client.account({ timeoutMs }), TypeError);
  }
  await assert.rejects(client.jobs.list().take(Number.NaN), TypeError);
  assert.deepEqual(received, []);
});

test("members are read into Dates and payloads, and further ones are kept", async () => {
  const document = { ...JOB, when: "2030-05-11T15:30:00Z", data: "/wA=", dataEncoding: "base64", colour: "red" };
  const { client } = await scripted({ body: document });
  const job = await client.jobs.get(JOB.id);
  assert.deepEqual(job.when, new Date("2030-05-11T15:30:00Z"));
  assert.deepEqual(job.data?.bytes, new Uint8Array([255, 0]));
  assert.equal(Reflect.get(job, "colour"), "red");
  assert.equal("dataEncoding" in job, false);
});

test("a list is read page by page, from where the first page came", async () => {
  const link = (/** @type {string} */ cursor) => ({
    link: `<https://elsewhere.example/1/jobs?view=full&cursor=${cursor}>; rel="next"`,
  });
  const { client, received } = await scripted(
    { body: [{ id: "1" }, { id: "2" }], headers: link("a%2Bb") },
    { body: [], headers: link("c") },
    { body: [{ id: "3" }] },
  );
  const ids = [];
  for await (const job of client.jobs.list({ tags: ["x", "y"], failing: true })) {
    ids.push(job.id);
  }
  assert.deepEqual(ids, ["1", "2", "3"]);
  await client.jobs.list({ failing: false }).take(1);
  assert.equal(received.pop()?.url, "/1/jobs?view=full");
  const path = "/1/jobs?view=full&failing=true&tag=x&tag=y";
  const urls = [path, `${path}&cursor=a%2Bb`, `${path}&cursor=c`];
  assert.deepEqual(received.map(({ url }) => url), urls);
});

test("only as many pages are read as are needed", async () => {
  const { client, received } = await scripted({
    body: [{ id: "1" }, { id: "2" }],
    headers: { link: '</1/jobs?cursor=x>; rel="next"' },
  });
  assert.equal((await client.jobs.list().take(3)).length, 3);
  assert.equal(received.length, 2);
});

test("a list whose pages lead to themselves ends", async () => {
  const { client, received } = await scripted({ body: [], headers: { link: '</1/jobs?cursor=x>; rel="next"' } });
  await assert.rejects(client.jobs.list().take(1), wakecall.NoAnswer);
  assert.equal(received.length, 2);
});

test("headers that authorize are sent in place of the key", async () => {
  const { client, received } = await scripted({});
  await client.request("GET", "/1/account", { headers: { Authorization: "Basic ZGVtbzprZXk=" } });
  await client.request("GET", "/1/account", { headers: { "X-API-Key": "other" } });
  assert.deepEqual(
    received.map(({ headers }) => [headers.authorization, headers["x-api-key"]]),
    [["Basic ZGVtbzprZXk=", undefined], [undefined, "other"]],
  );
});

test("an error tells what is wrong and what to do", async () => {
  const refusal = problem(400, "invalid-member", { member: "cron", remedy: "Mend it." });
  const { client } = await scripted(refusal);
  await assert.rejects(client.jobs.book(URL_, { cron: "x" }), (error) => {
    assert.ok(error instanceof wakecall.InvalidMember);
    assert.equal(error.message, "It is wrong. Mend it.");
    assert.equal(error.member, "cron");
    assert.equal(error.remedy, "Mend it.");
    assert.equal(error.requestId, "e05fe14603e4dcf0");
    assert.equal(error.mayBeDone, false);
    return true;
  });
});

test("a caller who chose no idempotency key is not asked for a new one", async () => {
  const advice = "Send the corrected request with a new Idempotency-Key: this one repeats this answer.";
  const refusals = ["Mend it.", ""].map((remedy) =>
    problem(400, "invalid-member", { member: "cron", remedy: `${remedy} ${advice}`.trim() }),
  );
  const { client } = await scripted(...refusals, ...refusals);
  const refused = async (/** @type {object} */ options) => {
    const error = await client.jobs.book(URL_, { cron: "x" }, options).catch((each) => each);
    assert.ok(error instanceof wakecall.InvalidMember);
    return error.remedy;
  };
  assert.equal(await refused({}), "Mend it.");
  assert.equal(await refused({}), undefined);
  assert.equal(await refused({ idempotencyKey: "mine" }), `Mend it. ${advice}`);
  const headers = { "idempotency-key": "mine" };
  await assert.rejects(client.request("POST", "/1/jobs", { headers }), { remedy: advice });
});

test("each kind of problem has its error", async () => {
  const kinds = /** @type {[number, string, string][]} */ ([
    [401, "unauthenticated", "Unauthenticated"],
    [403, "insufficient-scope", "Forbidden"],
    [403, "limit-reached", "LimitReached"],
    [404, "not-found", "NotFound"],
    [405, "method-not-offered", "ProblemError"],
    [409, "conflict", "Conflict"],
    [413, "too-large", "TooLarge"],
    [422, "idempotency-key-reused", "KeyReused"],
    [500, "internal", "ServerError"],
  ]);
  for (const [status, code, name] of kinds) {
    const { client } = await scripted(problem(status, code));
    await assert.rejects(client.account(), { name, status, code });
  }
});

test("an error of something else has the beginning of its text", async () => {
  const { client } = await scripted({ status: 500, body: `<html>${"x".repeat(1000)}` });
  await assert.rejects(client.account(), (error) => {
    assert.ok(error instanceof wakecall.ServerError);
    assert.equal(error.type, "");
    assert.ok(error.message.includes(": xxx") && error.message.length < 300);
    return true;
  });
});

test("a redirect is not followed, so that the key stays here", async () => {
  const target = await scripted({ body: {} });
  const headers = { location: `${target.url}/1/account` };
  const { client } = await scripted({ status: 307, headers });
  await assert.rejects(client.account(), /redirects are not followed/);
  assert.deepEqual(target.received, []);
});

test("a completion is sent with its token, without a key that would be ignored", async () => {
  const { client, received } = await scripted({ body: { id: "r", attempts: [] } });
  await client.runs.complete("r", { status: "failed", message: "full", token: "tk" });
  const [{ url, headers, body }] = /** @type {[import("./scripted_server.js").Received]} */ (received);
  assert.equal(url, "/1/runs/r/complete");
  assert.equal(headers.authorization, "Bearer tk");
  assert.equal(headers["idempotency-key"], undefined);
  assert.deepEqual(JSON.parse(body), { status: "failed", message: "full" });
});

test("a put tells what was done, as far as the service tells", async () => {
  const outcomes = [
    { status: 201, named: "created", outcome: "created" },
    { status: 200, named: "replaced", outcome: "replaced" },
    { status: 200, named: "unchanged", outcome: "unchanged" },
    { status: 200, named: "created", outcome: "created" }, // of a dry run
    { status: 201, outcome: "created" },
    { status: 200, outcome: undefined },
    { status: 200, named: "merged", outcome: undefined },
    { status: 201, named: "merged", outcome: "created" },
  ];
  for (const { status, named, outcome } of outcomes) {
    /** @type {Record<string, string>} */
    const headers = named === undefined ? {} : { "wakecall-outcome": named };
    const { client } = await scripted({ status, body: JOB, headers });
    assert.equal((await client.jobs.put("invoices", { url: URL_, cron: "@daily" })).outcome, outcome);
  }
});

test("names and ids are encoded whole", async () => {
  const { client, received } = await scripted({ body: JOB });
  await client.jobs.byName("a/b?c%");
  assert.equal(received[0]?.url, "/1/jobs/by-name/a%2Fb%3Fc%25");
});

test("an address below a path is kept", async () => {
  const { url, received } = await scripted({ body: [] });
  await new wakecall.Client({ url: `${url}/wakecall/`, key: "k" }).secrets.list();
  assert.equal(received[0]?.url, "/wakecall/1/secrets");
});

test("an address that cannot be used is refused", () => {
  for (const url of ["ftp://x", "https://u:p@x", "https://x/?a=1", "nowhere"]) {
    assert.throws(() => new wakecall.Client({ url }), TypeError);
  }
});

test("address and key are those of the environment", async () => {
  const { url, received } = await scripted({ body: [] });
  const before = { ...process.env };
  Object.assign(process.env, { WAKECALL_URL: url, WAKECALL_KEY: "wk_env" });
  try {
    await new wakecall.Client().secrets.list();
  } finally {
    process.env = before;
  }
  assert.equal(received[0]?.headers.authorization, "Bearer wk_env");
  delete process.env["WAKECALL_URL"];
  assert.throws(() => new wakecall.Client(), wakecall.NotConfigured);
});

test("what is not the address of a service is refused with an example of one", () => {
  for (const url of ["127.0.0.1:8123", "localhost:8123", "ftp://a", "http://", "http://u@a", "http://a?b"]) {
    assert.throws(() => new wakecall.Client({ url }), {
      name: "TypeError",
      message:
        `"${url}" is not the address of a Wakecall. ` +
        "Write it as in https://wakecall.example.com, without a query or a user name.",
    });
  }
});

test("where nobody listens, nothing was done", async () => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  for (const host of ["127.0.0.1", "localhost"]) {
    const client = new wakecall.Client({ url: `http://${host}:${port}`, retries: { firstWaitMs: 1 } });
    await assert.rejects(client.jobs.book(URL_, { after: "1m" }), { name: "Unreachable", mayBeDone: false });
  }
});

test("a call that is aborted throws the reason of its signal, at once", async () => {
  const { client, received } = await scripted(problem(503, "unavailable"), { drop: true });
  const controller = new AbortController();
  const waiting = new wakecall.Client({
    url: "http://127.0.0.1:1",
    retries: { maxAttempts: 2, firstWaitMs: 1e6, maxWaitMs: 1e6 },
    fetch: async () => {
      controller.abort(new Error("enough"));
      throw new Error("no");
    },
  });
  await assert.rejects(waiting.account({ signal: controller.signal }), { message: "enough" });
  const before = AbortSignal.abort(new Error("before"));
  await assert.rejects(client.account({ signal: before }), { message: "before" });
  const far = { id: "j", account: "a", when: new Date("2100-01-01T00:00:00Z") };
  await assert.rejects(client.waitFor(far, { signal: before }), { message: "before" });
  assert.deepEqual(received, []);
});

test("a time limit that is longer than a timer can be is no limit of a millisecond", async () => {
  const { url } = await scripted({ body: [] });
  for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 31]) {
    const fetched = async (/** @type {any} */ to, /** @type {any} */ init) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return fetch(to, init);
    };
    const client = new wakecall.Client({ url, key: "k", timeoutMs, fetch: fetched, retries: { maxAttempts: 1 } });
    assert.deepEqual(await client.secrets.list(), []);
  }
});

test("figures of retries that are left open are those by default, and others are refused", async () => {
  const sent = { times: 0 };
  const fetched = async () => {
    sent.times += 1;
    throw new Error("no");
  };
  const retries = { maxAttempts: undefined, maxWaitMs: undefined, firstWaitMs: 1 };
  const client = new wakecall.Client({ url: "http://127.0.0.1:1", retries, fetch: fetched });
  await assert.rejects(client.account(), wakecall.NoAnswer);
  assert.equal(sent.times, 4);
  for (const refused of [{ maxAttempts: Number.NaN }, { maxAttempts: 0 }, { maxWaitMs: Number.NaN }, { firstWaitMs: -1 }]) {
    assert.throws(() => new wakecall.Client({ url: "http://127.0.0.1:1", retries: refused }), TypeError);
  }
});

test("a wait whose limit is not a number ends at once", async () => {
  const { client, received } = await scripted({ body: { id: "r", state: "waiting", attempts: [] } });
  const claimed = /** @type {any} */ ({ id: "r", state: "claimed", due: new Date(0) });
  await assert.rejects(client.waitFor(claimed, { timeoutMs: Number.NaN }), wakecall.NotOver);
  assert.equal(received.length, 1);
});

test("a run is waited for until it has ended", async () => {
  const run = (/** @type {string} */ state) => ({ body: { id: "r", state, attempts: [] } });
  const { client, received } = await scripted(run("waiting"), run("succeeded"));
  const claimed = { id: "r", state: "claimed", due: new Date(0) };
  const ended = await client.waitFor(/** @type {any} */ (claimed));
  assert.equal(ended.state, "succeeded");
  assert.deepEqual(received.map(({ url }) => url), ["/1/runs/r", "/1/runs/r"]);
});

test("of a job, the run of its next firing is waited for, not an earlier or a manual one", async () => {
  const run = (/** @type {string} */ id, /** @type {string} */ kind, /** @type {number} */ minute) => ({
    id,
    kind,
    state: "succeeded",
    due: `2026-11-22T09:${minute}:00Z`,
    attempts: [],
  });
  const earlier = run("earlier", "scheduled", 10);
  const { client, received } = await scripted(
    { body: [run("manual", "manual", 31), earlier] },
    { body: [run("next", "scheduled", 30), run("this", "scheduled", 20), earlier] },
  );
  const job = { id: "j", account: "a", next: new Date("2026-11-22T09:20:00Z") };
  assert.equal((await client.waitFor(job)).id, "this");
  assert.equal(received[0]?.url, "/1/jobs/j/runs?limit=20");
});

test("waiting ends when its time is up", async () => {
  const { client } = await scripted({ body: [] });
  const job = { ...JOB, when: new Date(0) };
  await assert.rejects(client.waitFor(job, { timeoutMs: 10 }), {
    name: "NotOver",
    message: /has not begun/,
  });
  await assert.rejects(client.waitFor({ ...job, enabled: false }), TypeError);
});
