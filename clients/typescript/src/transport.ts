/** Transport: sends a request until it is answered, without ever doing the same thing twice. */

import { type Answer, documentOf } from "./answers.ts";
import { Attempts, type Failure, type Retries } from "./attempts.ts";
import { prepare, type Prepared, type RequestOptions } from "./requests.ts";

/** Where requests go and how; the same for all calls of a client. */
export interface TransportSettings {
  readonly url: string;
  readonly key: string | undefined;
  /** The time limit of each attempt. */
  readonly timeoutMs: number;
  readonly retries: Retries;
  readonly fetch: typeof fetch;
}

// Errors before which nothing was sent: those of Node (with its undici) and Bun have a code.
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket",
]);
// Certificates that Node refuses, and what Deno writes of connections that fail.
const NOT_SENT_TEXT =
  /^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)|client error \(Connect\)/;
const MAX_CAUSES = 5;
const MAX_BYTES = 64 * 1024 * 1024;
// A timer that is set for longer fires at once.
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Transport {
  readonly settings: TransportSettings;

  constructor(settings: TransportSettings) {
    this.settings = settings;
  }

  /** What `read` makes of the document of the answer. Throws as `send`. */
  async call<T>(
    method: string,
    path: string,
    options: RequestOptions | undefined,
    read: (document: unknown) => T,
  ): Promise<T> {
    return this.send(method, path, options, (answer) => read(documentOf(answer)));
  }

  /**
   * What `read` makes of the answer to a request that succeeded. Throws a ProblemError for any
   * other answer, Unreachable or NoAnswer if there is none, and the reason of an aborted signal.
   */
  async send<T>(
    method: string,
    path: string,
    options: RequestOptions | undefined,
    read: (answer: Answer) => T,
  ): Promise<T> {
    const { url, key, retries } = this.settings;
    const request = prepare(url, key, method, path, options ?? {});
    const timeoutMs = checkedTimeout(options?.timeoutMs ?? this.settings.timeoutMs);
    const attempts = new Attempts(request, read, retries);
    for (;;) {
      const verdict = attempts.judge(await this.#attempt(request, timeoutMs, options?.signal));
      if ("value" in verdict) {
        return verdict.value;
      }
      await pause(verdict.waitMs, options?.signal);
    }
  }

  async #attempt(
    request: Prepared,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer | Failure> {
    signal?.throwIfAborted();
    // AbortSignal.any is missing from the first releases of Node 20.
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    const timer = setTimeout(abort, Math.min(timeoutMs, MAX_TIMER_MS));
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const fetch = this.settings.fetch;
      const response = await fetch(request.url, { ...request.init, signal: controller.signal });
      const text = await boundedText(response);
      if (text === undefined) {
        return { reason: "the answer is too long", isSent: true, cause: undefined };
      }
      return { status: response.status, headers: response.headers, text };
    } catch (error) {
      signal?.throwIfAborted();
      return controller.signal.aborted
        ? { reason: `the time for it, ${timeoutMs} ms, ran out`, isSent: true, cause: error }
        : { reason: describe(error), isSent: !wasNotSent(error), cause: error };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** A time limit. Throws TypeError for one that is not a number, or leaves no time. */
export function checkedTimeout(milliseconds: number): number {
  if (!(milliseconds > 0)) {
    throw new TypeError("`timeoutMs` is a number of milliseconds above 0.");
  }
  return milliseconds;
}

/** Return after so many milliseconds. Throws the reason of a signal that is aborted before. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, Math.min(milliseconds, MAX_TIMER_MS));
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The body of a response; undefined if it has more than MAX_BYTES. */
async function boundedText(response: Response): Promise<string | undefined> {
  if (response.body === null) {
    return "";
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return text + decoder.decode();
    }
    length += value.byteLength;
    if (length > MAX_BYTES) {
      // Ends the connection; a failure of that changes nothing.
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}

function describe(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const named = cause instanceof Error ? cause : error;
  const { code } = named as { code?: unknown };
  return (named instanceof Error && named.message) || `${code ?? named}`;
}

function wasNotSent(error: unknown): boolean {
  let each = error;
  for (let depth = 0; depth < MAX_CAUSES && each instanceof Error; depth += 1) {
    const { code } = each as { code?: unknown };
    if (NOT_SENT.has(`${code}`) || NOT_SENT_TEXT.test(`${code}`) || NOT_SENT_TEXT.test(each.message)) {
      return true;
    }
    each = each.cause;
  }
  return false;
}
