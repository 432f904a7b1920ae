/** Answers: what came back for one attempt, and the error that it stands for. */
import { type ProblemError } from "./errors.ts";
/** A whole answer. */
export interface Answer {
    readonly status: number;
    readonly headers: Headers;
    readonly text: string;
}
/** The answer to a request that succeeded is not the document that was expected. */
export declare class UnreadableAnswer extends Error {
    name: string;
}
/** The JSON of an answer. Throws UnreadableAnswer. */
export declare function documentOf(answer: Answer): unknown;
/**
 * Read nothing: the status tells all. Throws UnreadableAnswer for a success that has a body, which
 * is the page of a proxy in front of the service: it has deleted nothing.
 */
export declare function readNothing(answer: Answer): undefined;
/**
 * The error that an answer stands for, which is not a success; `now` is in milliseconds. Callers who
 * left it to the client to mint the idempotency key are not asked for a new one.
 */
export declare function errorOf(answer: Answer, now: number, isMinted?: boolean): ProblemError;
/** The beginning of a body in one line for messages; of an HTML page its title or text. */
export declare function excerpt(body: string): string;
/**
 * The cursor of the page that `Link` leads to (RFC 8288); undefined on the last page. Only the
 * cursor is taken: the request goes where the first one went, whatever address the Link has.
 */
export declare function nextCursor(headers: Headers): string | undefined;
