/** Webhook: for receivers, whether a request is a genuine call from Wakecall, and what it says. */

import { NoSignature, Stale, WrongSignature } from "./errors.ts";
import { fromBase64, Payload, toBase64 } from "./payload.ts";

/** Headers as a runtime or framework gives them; the case of names does not matter. */
export type HeadersInput =
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * A genuine call. The signature covers `id`, `sent` and `body`. The other members come from headers
 * beside it, which are as safe as the connection; one that cannot be read is absent.
 */
export interface Call {
  /** The id of the run: the same for all attempts, by which a repeat is recognised. */
  readonly id: string;
  /** When this attempt was sent, in whole seconds. */
  readonly sent: Date;
  /** Absent from events. */
  readonly job?: string;
  /** The run that an event reports. */
  readonly run?: string;
  /** The instant for which the call was booked. */
  readonly due?: Date;
  /** The number of the attempt, from 1. */
  readonly attempt?: number;
  readonly latenessMs?: number;
  /** How many missed firings this call stands for. */
  readonly missed: number;
  /** With which the result may be reported later. */
  readonly token?: string;
  /** How many calls led to this one, one to the next. */
  readonly depth?: number;
  readonly contentType?: string;
  readonly body: Payload;
}

export interface WebhookOptions {
  /** Seconds by which the time of sending may differ from now; 300 by default. */
  readonly tolerance?: number | undefined;
  /** The current time in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

const PREFIX = "whsec_";
const SCHEME = "v1,";
const DEFAULT_TOLERANCE_S = 300;
const MAX_WITHIN_S = 604_800;
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
const HMAC = { name: "HMAC", hash: "SHA-256" };

/** Verifies calls by the signing secrets of an account (Standard Webhooks 1.0). */
export class Webhook {
  readonly #keys: readonly Uint8Array<ArrayBuffer>[];
  readonly #toleranceS: number;
  readonly #now: () => number;
  #imported: Promise<readonly CryptoKey[]> | undefined;

  /** Throws TypeError for a malformed secret or tolerance; give all secrets that sign at present. */
  constructor(secrets: string | readonly string[], options: WebhookOptions = {}) {
    const given = typeof secrets === "string" ? [secrets] : secrets;
    if (given.length === 0) {
      throw new TypeError("Give at least one signing secret.");
    }
    this.#keys = given.map(keyOf);
    this.#toleranceS = options.tolerance ?? DEFAULT_TOLERANCE_S;
    if (!(this.#toleranceS >= 0)) {
      throw new TypeError("The tolerance is a number of seconds, 0 or more.");
    }
    this.#now = options.now ?? Date.now;
  }

  /**
   * The call with these headers and this body, which are its bytes as they arrived. Throws
   * NoSignature, WrongSignature or Stale; TypeError if the body is not bytes.
   */
  async verify(body: Uint8Array | ArrayBuffer, headers: HeadersInput): Promise<Call> {
    const bytes = rawBytes(body);
    const read = reader(headers);
    const id = read("webhook-id");
    const timestamp = read("webhook-timestamp");
    const signatures = read("webhook-signature");
    if (!id || !timestamp || !signatures) {
      throw new NoSignature("The call lacks webhook-id, webhook-timestamp or webhook-signature.");
    }
    if (!/^\d{1,12}$/.test(timestamp)) {
      throw new NoSignature("webhook-timestamp is not a number of seconds.");
    }
    await this.#check(id, timestamp, bytes, signatures);
    const age = this.#now() / 1000 - Number(timestamp);
    // A clock that gives no number accepts nothing.
    if (!(Math.abs(age) <= this.#toleranceS)) {
      const seconds = `${Math.abs(Math.round(age))} s`;
      throw new Stale(`The call was sent ${seconds} ${age > 0 ? "ago" : "in the future"}.`);
    }
    return toCall(id, Number(timestamp), read, new Payload(bytes));
  }

  /** The same for a Request, whose body is read here. */
  async verifyRequest(request: Request): Promise<Call> {
    return this.verify(await request.arrayBuffer(), request.headers);
  }

  /** The headers with which a call is signed, by every secret: for tests of receivers. */
  async sign(id: string, body: Uint8Array | ArrayBuffer, sent?: Date): Promise<Record<string, string>> {
    const timestamp = `${Math.floor((sent?.getTime() ?? this.#now()) / 1000)}`;
    const signatures = await this.#signatures(id, timestamp, rawBytes(body));
    return {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signatures.map((each) => SCHEME + toBase64(each)).join(" "),
    };
  }

  async #check(id: string, timestamp: string, body: Uint8Array, given: string): Promise<void> {
    const own = (await this.#signatures(id, timestamp, body)).map((each) => SCHEME + toBase64(each));
    let isGenuine = false;
    for (const each of given.split(" ")) {
      for (const signature of own) {
        isGenuine = equals(each, signature) || isGenuine;
      }
    }
    if (!isGenuine) {
      throw new WrongSignature("None of the signatures fits the body and a secret.");
    }
  }

  async #signatures(id: string, timestamp: string, body: Uint8Array): Promise<Uint8Array[]> {
    this.#imported ??= Promise.all(
      this.#keys.map((key) => crypto.subtle.importKey("raw", key, HMAC, false, ["sign"])),
    );
    const start = new TextEncoder().encode(`${id}.${timestamp}.`);
    const content = new Uint8Array(start.length + body.length);
    content.set(start);
    content.set(body, start.length);
    const keys = await this.#imported;
    const signed = keys.map((key) => crypto.subtle.sign(HMAC.name, key, content));
    return (await Promise.all(signed)).map((each) => new Uint8Array(each));
  }
}

/**
 * The header of a 202 with which a receiver announces that it reports the result later, `within` so
 * many seconds, 1 to 604,800. Throws TypeError.
 */
export function completeLater(within: number = 3600): { "Wakecall-Complete": string } {
  if (!(within >= 1 && within <= MAX_WITHIN_S)) {
    throw new TypeError("`within` is a number of seconds, 1 to 604,800.");
  }
  return { "Wakecall-Complete": `later; within=${Math.floor(within)}` };
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  let key: Uint8Array<ArrayBuffer> | undefined;
  try {
    key = secret.startsWith(PREFIX) ? fromBase64(secret.slice(PREFIX.length)) : undefined;
  } catch {
    // Reported below, without showing the secret.
  }
  if (key === undefined || key.length < MIN_KEY_BYTES || key.length > MAX_KEY_BYTES) {
    throw new TypeError("A signing secret is whsec_ and 24 to 64 bytes in base64.");
  }
  return key;
}

function rawBytes(body: Uint8Array | ArrayBuffer): Uint8Array {
  if (body instanceof Uint8Array) {
    return body;
  }
  if (body instanceof ArrayBuffer) {
    return new Uint8Array(body);
  }
  throw new TypeError(
    "Give the bytes of the body as they arrived: text or a parsed document may differ from what was signed.",
  );
}

/** Compares in a time that depends on the lengths only. */
function equals(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < other.length; at += 1) {
    difference |= (one.charCodeAt(at) || 0) ^ other.charCodeAt(at);
  }
  return difference === 0;
}

function reader(headers: HeadersInput): (name: string) => string | undefined {
  if (headers instanceof Headers) {
    return (name) => headers.get(name) ?? undefined;
  }
  const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
  const read = new Map<string, string>();
  for (const [name, value] of pairs as Iterable<readonly [string, unknown]>) {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    if (typeof first === "string") {
      read.set(name.toLowerCase(), first);
    }
  }
  return (name) => read.get(name);
}

function toCall(
  id: string,
  timestamp: number,
  read: (name: string) => string | undefined,
  body: Payload,
): Call {
  const number = (name: string): number | undefined => {
    const value = read(name);
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };
  const due = Date.parse(read("wakecall-scheduled-for") ?? "");
  const optional = {
    job: read("wakecall-job"),
    run: read("wakecall-run"),
    due: Number.isNaN(due) ? undefined : new Date(due),
    attempt: number("wakecall-attempt"),
    latenessMs: number("wakecall-lateness-ms"),
    depth: number("wakecall-depth"),
    contentType: read("content-type"),
    token: read("wakecall-completion-token"),
  };
  const present = Object.entries(optional).filter(([, value]) => value !== undefined);
  return {
    id,
    sent: new Date(timestamp * 1000),
    body,
    missed: number("wakecall-missed") ?? 0,
    ...Object.fromEntries(present),
  };
}
