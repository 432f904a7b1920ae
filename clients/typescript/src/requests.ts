/** Requests: what is sent, built once for a call, however often it is then sent. */

import { VERSION } from "./version.ts";

/** Values of a query; one that is undefined is left out, an array is repeated. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;
export type QueryValue = string | number | boolean | Date;

/** What may be set for one call of the client. */
export interface CallOptions {
  /** The key with which the request may be repeated; made for each call if absent. */
  readonly idempotencyKey?: string | undefined;
  /** Ends the call early: it then throws the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** For each attempt, in place of the client's. */
  readonly timeoutMs?: number | undefined;
}

/** A request as `Client.request` takes it. */
export interface RequestOptions extends CallOptions {
  readonly query?: Query | undefined;
  /** A document, sent as JSON. */
  readonly document?: unknown;
  /** Bytes or text, sent as they are; `headers` should name their `content-type`. */
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  /** One that authorizes is sent in place of the client's key. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent in place of the API key, as the completion token of a run. */
  readonly token?: string | undefined;
  /** `false`: the POST may be repeated without a key, as it is idempotent by itself. */
  readonly hasKey?: boolean | undefined;
}

/** What is sent for each attempt of one call. */
export interface Prepared {
  readonly method: string;
  readonly url: string;
  readonly init: RequestInit;
  readonly idempotencyKey: string | undefined;
  /** Whether the caller did not choose the key. */
  readonly isMinted: boolean;
  /** Whether it changes nothing. */
  readonly isReading: boolean;
  /** Whether sending it twice has the effect of sending it once. */
  readonly isRepeatable: boolean;
}

const READING = new Set(["GET", "HEAD", "OPTIONS"]);
const REPEATABLE = new Set([...READING, "PUT", "DELETE", "POST"]);
const KEY = /^[!#-+\--~]{1,255}$/;

/** The request to `path` below `base`, with an idempotency key if it is a POST. Throws TypeError. */
export function prepare(
  base: string,
  apiKey: string | undefined,
  method: string,
  path: string,
  options: RequestOptions,
): Prepared {
  const headers = new Headers({
    accept: "application/json",
    "user-agent": `wakecall-typescript/${VERSION}`,
    ...options.headers,
  });
  const key = options.token ?? apiKey;
  const isAuthorized = headers.has("authorization") || headers.has("x-api-key");
  if (key !== undefined && !isAuthorized) {
    headers.set("authorization", `Bearer ${key}`);
  }
  const givenKey = options.idempotencyKey ?? headers.get("idempotency-key") ?? undefined;
  const idempotencyKey = keyOf(method, givenKey, options);
  if (idempotencyKey !== undefined) {
    headers.set("idempotency-key", idempotencyKey);
  }
  let body: RequestInit["body"] = options.body ?? null;
  if (options.document !== undefined) {
    headers.set("content-type", "application/json");
    body = JSON.stringify(options.document, sendable);
  }
  return {
    method,
    url: address(base, path, options.query),
    // A redirect would send the key to another address, and might turn a POST into a GET.
    init: { method, headers, body, redirect: "manual" },
    idempotencyKey,
    isMinted: idempotencyKey !== undefined && givenKey === undefined,
    isReading: READING.has(method),
    isRepeatable: REPEATABLE.has(method),
  };
}

/** The text of an instant. Throws TypeError for one that is invalid or too far away. */
export function isoText(instant: Date): string {
  if (Number.isNaN(instant.getTime())) {
    throw new TypeError("A Date is invalid, or too far away.");
  }
  return instant.toISOString();
}

/** A member of a document as it is sent. Throws TypeError for what JSON would have as `null`. */
function sendable(this: unknown, name: string, value: unknown): unknown {
  // A member that is null counts as absent: a key whose `expires` is invalid would never expire.
  const given: unknown = (this as Record<string, unknown>)[name];
  if (given instanceof Date) {
    return isoText(given);
  }
  if (typeof given === "number" && !Number.isFinite(given)) {
    throw new TypeError(`${name} is ${given}, which no document can have.`);
  }
  return value;
}

/** A path below `/1`, each segment encoded as a whole. Throws TypeError for one that is lost. */
export function path(...segments: readonly string[]): string {
  for (const each of segments) {
    if (each === "" || each === "." || each === "..") {
      throw new TypeError(`${JSON.stringify(each)} cannot be part of an address.`);
    }
  }
  return ["/1", ...segments.map(encodeURIComponent)].join("/");
}

function keyOf(
  method: string,
  given: string | undefined,
  options: RequestOptions,
): string | undefined {
  if (method !== "POST" || options.hasKey === false) {
    return undefined;
  }
  // Minted here, outside the retries, so that all attempts of one call have the same key.
  const key = given ?? crypto.randomUUID();
  if (!KEY.test(key)) {
    throw new TypeError(
      "An idempotency key has 1 to 255 visible ASCII characters without commas and quotes.",
    );
  }
  return key;
}

/** The address of a path, which may have a query. */
function address(base: string, path: string, query: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined) {
        search.append(name, each instanceof Date ? isoText(each) : `${each}`);
      }
    }
  }
  const text = search.toString();
  return `${base}${path}${text ? (path.includes("?") ? "&" : "?") : ""}${text}`;
}
