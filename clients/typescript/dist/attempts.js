/** Attempts: what to do after each attempt of one call: give its value, wait, or throw. */
import { errorOf, UnreadableAnswer } from "./answers.js";
import { NoAnswer, Unreachable } from "./errors.js";
const DEFAULTS = { maxAttempts: 4, maxWaitMs: 8000, firstWaitMs: 250 };
/** The figures that are given, else those by default. Throws TypeError for one that is no figure. */
export function retriesOf(given = {}) {
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
// After these the same request may succeed. 500 is a defect, which a repetition meets again.
const REPEATED = new Set([408, 429, 502, 503, 504]);
// A repetition would have got the kept answer if an earlier attempt had been carried out.
const SURELY_REFUSED = new Set([400, 406, 413, 414, 415, 422]);
export class Attempts {
    #request;
    #read;
    #retries;
    #chance;
    #made = 0;
    #mayBeDone = false;
    constructor(request, read, retries, chance = Math.random) {
        this.#request = request;
        this.#read = read;
        this.#retries = retries;
        this.#chance = chance;
    }
    /** What follows from the outcome of an attempt. Throws the error with which the call ends. */
    judge(outcome) {
        this.#made += 1;
        if (!("status" in outcome)) {
            return this.#afterFailure(outcome);
        }
        if (outcome.status < 200 || outcome.status >= 300) {
            return this.#afterRefusal(outcome);
        }
        try {
            return { value: this.#read(outcome) };
        }
        catch (error) {
            if (error instanceof UnreadableAnswer) {
                return this.#afterFailure({ reason: error.message, isSent: true, cause: error });
            }
            throw error;
        }
    }
    #afterFailure(failure) {
        this.#mayBeDone ||= failure.isSent;
        const waitMs = this.#wait(undefined);
        if (waitMs === undefined) {
            throw this.#withKey(this.#lost(failure), this.#mayBeDone);
        }
        return { waitMs };
    }
    #afterRefusal(answer) {
        const error = errorOf(answer, Date.now(), this.#request.isMinted);
        const isRunning = error.code === "still-running";
        if (isRunning || (answer.status >= 500 && !error.type)) {
            // An answer that is not the service's own leaves open what the service did.
            this.#mayBeDone = true;
        }
        else if (this.#mayBeDone && this.#request.method === "DELETE" && error.code === "not-found") {
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
    #wait(error) {
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
    #lost(failure) {
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
        return new NoAnswer(`No answer came: ${reason}. The request may have been carried out.${hint}`, options);
    }
    #withKey(error, mayBeDone) {
        error.idempotencyKey = this.#request.idempotencyKey;
        error.mayBeDone = mayBeDone && !this.#request.isReading;
        return error;
    }
}
