/** Attempts: what to do after each attempt of one call: give its value, wait, or throw. */

import { type Answer, errorOf, UnreadableAnswer } from "./answers.ts";
import { NoAnswer, type ProblemError, Unreachable, type WakecallError } from "./errors.ts";
import type { Prepared } from "./requests.ts";

/** How a client repeats a request that had no answer, or one that asks to come back later. */
export interface Retries {
  /** How often a request is sent at most, the first time included. */
  readonly maxAttempts: number;
  /** The longest wait. A `Retry-After` that is longer ends the call with its error. */
  readonly maxWaitMs: number;
  /** Up to this the first wait is drawn at random; up to twice as long each next one. */
  readonly firstWaitMs: number;
}

const DEFAULTS: Retries = { maxAttempts: 4, maxWaitMs: 8000, firstWaitMs: 250 };

/** The figures that are given, else those by default. Throws TypeError for one that is no figure. */
export function retriesOf(given: { readonly [Name in keyof Retries]?: number | undefined } = {}): Retries {
  const retries = {
    maxAttempts: given.maxAttempts ?? DEFAULTS.maxAttempts,
    maxWaitMs: given.maxWaitMs ?? DEFAULTS.maxWaitMs,
    firstWaitMs: given.firstWaitMs ?? DEFAULTS.firstWaitMs,
  };
  if (!(retries.maxAttempts >= 1 && retries.maxWaitMs >= 0 && retries.firstWaitMs >= 0)) {
    throw new TypeError("`retries` has at least one attempt, and waits of 0 ms or more.");
  }
  return retries;
}

/** An attempt without an answer. */
export interface Failure {
  readonly reason: string;
  /** Whether the service may have received the request. */
  readonly isSent: boolean;
  readonly cause: unknown;
}

/** The call has its value, or its request is to be sent again after a wait. */
export type Verdict<T> = { readonly value: T } | { readonly waitMs: number };

// After these the same request may succeed. 500 is a defect, which a repetition meets again.
const REPEATED = new Set([408, 429, 502, 503, 504]);
// A repetition would have got the kept answer if an earlier attempt had been carried out.
const SURELY_REFUSED = new Set([400, 406, 413, 414, 415, 422]);

export class Attempts<T> {
  readonly #request: Prepared;
  readonly #read: (answer: Answer) => T;
  readonly #retries: Retries;
  readonly #chance: () => number;
  #made = 0;
  #mayBeDone = false;

  constructor(
    request: Prepared,
    read: (answer: Answer) => T,
    retries: Retries,
    chance: () => number = Math.random,
  ) {
    this.#request = request;
    this.#read = read;
    this.#retries = retries;
    this.#chance = chance;
  }

  /** What follows from the outcome of an attempt. Throws the error with which the call ends. */
  judge(outcome: Answer | Failure): Verdict<T> {
    this.#made += 1;
    if (!("status" in outcome)) {
      return this.#afterFailure(outcome);
    }
    if (outcome.status < 200 || outcome.status >= 300) {
      return this.#afterRefusal(outcome);
    }
    try {
      return { value: this.#read(outcome) };
    } catch (error) {
      if (error instanceof UnreadableAnswer) {
        return this.#afterFailure({ reason: error.message, isSent: true, cause: error });
      }
      throw error;
    }
  }

  #afterFailure(failure: Failure): Verdict<T> {
    this.#mayBeDone ||= failure.isSent;
    const waitMs = this.#wait(undefined);
    if (waitMs === undefined) {
      throw this.#withKey(this.#lost(failure), this.#mayBeDone);
    }
    return { waitMs };
  }

  #afterRefusal(answer: Answer): Verdict<T> {
    const error = errorOf(answer, Date.now(), this.#request.isMinted);
    const isRunning = error.code === "still-running";
    if (isRunning || (answer.status >= 500 && !error.type)) {
      // An answer that is not the service's own leaves open what the service did.
      this.#mayBeDone = true;
    } else if (this.#mayBeDone && this.#request.method === "DELETE" && error.code === "not-found") {
      return { value: this.#read(answer) };
    }
    if (isRunning || REPEATED.has(answer.status)) {
      const waitMs = this.#wait(error);
      if (waitMs !== undefined) {
        return { waitMs };
      }
    }
    throw this.#withKey(error, this.#mayBeDone && !SURELY_REFUSED.has(answer.status));
  }

  /** Milliseconds until the next attempt; undefined if the call is to end. */
  #wait(error: ProblemError | undefined): number | undefined {
    const { maxAttempts, maxWaitMs, firstWaitMs } = this.#retries;
    if (!this.#request.isRepeatable || this.#made >= maxAttempts) {
      return undefined;
    }
    if (error?.retryAfter === undefined) {
      // Full jitter: clients that failed together do not come back together.
      return this.#chance() * Math.min(maxWaitMs, firstWaitMs * 2 ** Math.min(this.#made - 1, 32));
    }
    const asked = error.retryAfter * 1000;
    return asked > maxWaitMs ? undefined : asked + this.#chance() * firstWaitMs;
  }

  /** The error of a call of which no attempt was answered, or the last one was not. */
  #lost(failure: Failure): WakecallError {
    const reason = failure.reason.replace(/\.$/, "");
    const options = { cause: failure.cause };
    if (!this.#mayBeDone) {
      return new Unreachable(`The service was not reached: ${reason}. Nothing was done.`, options);
    }
    if (this.#request.isReading) {
      return new NoAnswer(`No answer came: ${reason}.`, options);
    }
    const key = this.#request.idempotencyKey;
    const hint = key ? ` Repeated with the idempotency key ${key}, it is done once.` : "";
    return new NoAnswer(
      `No answer came: ${reason}. The request may have been carried out.${hint}`,
      options,
    );
  }

  #withKey(error: WakecallError, mayBeDone: boolean): WakecallError {
    error.idempotencyKey = this.#request.idempotencyKey;
    error.mayBeDone = mayBeDone && !this.#request.isReading;
    return error;
  }
}
