/**
 * Errors: what a call can end with instead of a value.
 *
 *     WakecallError
 *     ├── NotConfigured            there is no address
 *     ├── Unreachable              nothing was sent: the request was surely not carried out
 *     ├── NoAnswer                 the request may have been carried out
 *     ├── ProblemError             the service refused the request
 *     │   ├── InvalidMember        a member, parameter or header has a value that is not accepted
 *     │   ├── Unauthenticated      no valid API key
 *     │   ├── Forbidden            the key, its scope or the account does not allow this
 *     │   │   └── LimitReached     the account has reached a limit on what is stored
 *     │   ├── NotFound
 *     │   ├── Conflict             the request contradicts what is stored
 *     │   ├── TooLarge
 *     │   ├── KeyReused            the idempotency key was used for another request
 *     │   ├── RateLimited          too many requests, also after the retries
 *     │   └── ServerError          a defect, or an answer that is not Wakecall's
 *     │       └── Unavailable      not available, also after the retries
 *     ├── NotOver                  `waitFor` waited for as long as it was allowed to
 *     └── SignatureError           a call was not sent by this Wakecall: answer it with 401
 *         ├── NoSignature
 *         ├── WrongSignature
 *         └── Stale
 */
/** Any error of this package. */
export declare class WakecallError extends Error {
    name: string;
    /** The key of the request. A request that is repeated with it is carried out once. */
    idempotencyKey: string | undefined;
    /** Whether the request may have been carried out, because an attempt of it had no answer. */
    mayBeDone: boolean;
}
/** The client has no address of a service. */
export declare class NotConfigured extends WakecallError {
    name: string;
}
/** No connection was made, so that nothing was sent. */
export declare class Unreachable extends WakecallError {
    name: string;
}
/** A request was sent, and no answer that can be read came back in time. */
export declare class NoAnswer extends WakecallError {
    name: string;
}
/** The run that was waited for is not over, or has not begun. */
export declare class NotOver extends WakecallError {
    name: string;
}
/** What the answer to a refused request tells (RFC 9457). */
export interface Problem {
    readonly status: number;
    /** `/problems/` and a code; empty if the answer is not Wakecall's. */
    readonly type: string;
    readonly title: string;
    /** What is wrong with this request. */
    readonly detail: string;
    /** The member, parameter or header that is wrong. */
    readonly member: string | undefined;
    /** What can be done about it. */
    readonly remedy: string | undefined;
    /** The `X-Request-Id` under which the operator finds the request in the log. */
    readonly requestId: string | undefined;
    /** Seconds after which the request may be sent again. */
    readonly retryAfter: number | undefined;
    /** The whole problem document; empty if the answer is not Wakecall's. */
    readonly document: Readonly<Record<string, unknown>>;
}
/** The service refused the request. */
export declare class ProblemError extends WakecallError implements Problem {
    name: string;
    readonly status: number;
    readonly type: string;
    readonly title: string;
    readonly detail: string;
    readonly member: string | undefined;
    readonly remedy: string | undefined;
    readonly requestId: string | undefined;
    readonly retryAfter: number | undefined;
    readonly document: Readonly<Record<string, unknown>>;
    constructor(problem: Problem);
    /** The last part of `type`, such as `invalid-member`. */
    get code(): string;
}
/** A member, path segment, parameter or header has a value that is not accepted. */
export declare class InvalidMember extends ProblemError {
    name: string;
}
/** The request has no valid API key. */
export declare class Unauthenticated extends ProblemError {
    name: string;
}
/** The key is valid, and does not allow the request. */
export declare class Forbidden extends ProblemError {
    name: string;
}
/** The account has reached a limit on what is stored; `document` names the limit. */
export declare class LimitReached extends Forbidden {
    name: string;
}
/** The account has no such job, run, name or path. */
export declare class NotFound extends ProblemError {
    name: string;
}
/** The request contradicts what is stored. */
export declare class Conflict extends ProblemError {
    name: string;
}
/** The document, the payload or the answer is too large. */
export declare class TooLarge extends ProblemError {
    name: string;
}
/** The idempotency key was used for another request within 24 hours. */
export declare class KeyReused extends ProblemError {
    name: string;
}
/** The account sends too many requests; `retryAfter` tells when it may go on. */
export declare class RateLimited extends ProblemError {
    name: string;
}
/** A defect of the service, or an answer that is not Wakecall's. */
export declare class ServerError extends ProblemError {
    name: string;
}
/** The service, or a proxy before it, is not available or overloaded. */
export declare class Unavailable extends ServerError {
    name: string;
}
/** A call does not come from this Wakecall, or not from now: answer it with 401. */
export declare class SignatureError extends WakecallError {
    name: string;
}
/** A header of Standard Webhooks is missing or cannot be read. */
export declare class NoSignature extends SignatureError {
    name: string;
}
/** No signature of the call was made with one of the secrets over this body. */
export declare class WrongSignature extends SignatureError {
    name: string;
}
/** The call was signed too long ago, or by a clock that is ahead. */
export declare class Stale extends SignatureError {
    name: string;
}
/** The error that stands for a problem: by its type, else by its status. */
export declare function problemError(problem: Problem): ProblemError;
