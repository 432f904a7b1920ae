/** Attempts: what to do after each attempt of one call: give its value, wait, or throw. */
import { type Answer } from "./answers.ts";
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
/** The figures that are given, else those by default. Throws TypeError for one that is no figure. */
export declare function retriesOf(given?: {
    readonly [Name in keyof Retries]?: number | undefined;
}): Retries;
/** An attempt without an answer. */
export interface Failure {
    readonly reason: string;
    /** Whether the service may have received the request. */
    readonly isSent: boolean;
    readonly cause: unknown;
}
/** The call has its value, or its request is to be sent again after a wait. */
export type Verdict<T> = {
    readonly value: T;
} | {
    readonly waitMs: number;
};
export declare class Attempts<T> {
    #private;
    constructor(request: Prepared, read: (answer: Answer) => T, retries: Retries, chance?: () => number);
    /** What follows from the outcome of an attempt. Throws the error with which the call ends. */
    judge(outcome: Answer | Failure): Verdict<T>;
}
