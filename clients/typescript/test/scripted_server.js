/** Scripted server: answers one request after the other as a test tells it to. */

import { createServer } from "node:http";
import { after } from "node:test";

import { Client } from "../dist/index.js";

/**
 * @typedef {{ method: string, url: string, headers: import("node:http").IncomingHttpHeaders, body: string }} Received
 * @typedef {{ status?: number, headers?: Record<string, string>, body?: unknown, drop?: boolean,
 *   then?: (request: Received) => void }} Answer
 */

/**
 * A client of a server that gives these answers, the last one again and again.
 * @param {...Answer} answers
 */
export async function scripted(...answers) {
  /** @type {Received[]} */
  const received = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) {
      parts.push(part);
    }
    const { method = "", url = "", headers } = request;
    received.push({ method, url, headers, body: Buffer.concat(parts).toString() });
    const answer = answers[Math.min(received.length, answers.length) - 1] ?? {};
    if (answer.drop) {
      request.socket.destroy();
      return;
    }
    const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {});
    const length = `${Buffer.byteLength(body)}`;
    response.writeHead(answer.status ?? 200, { "content-length": length, ...answer.headers });
    response.end(body);
    answer.then?.(/** @type {Received} */ (received.at(-1)));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const url = `http://127.0.0.1:${port}`;
  const client = new Client({ url, key: "wk_test", retries: { firstWaitMs: 1 } });
  return { client, received, url };
}

/**
 * A problem document.
 * @param {number} status
 * @param {string} code
 * @param {Record<string, unknown>} [members]
 */
export function problem(status, code, members) {
  const title = "A problem";
  const body = { type: `/problems/${code}`, title, status, detail: "It is wrong.", ...members };
  return { status, body, headers: { "x-request-id": "e05fe14603e4dcf0" } };
}
