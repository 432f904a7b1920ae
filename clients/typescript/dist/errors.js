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
export class WakecallError extends Error {
    name = "WakecallError";
    /** The key of the request. A request that is repeated with it is carried out once. */
    idempotencyKey;
    /** Whether the request may have been carried out, because an attempt of it had no answer. */
    mayBeDone = false;
}
/** The client has no address of a service. */
export class NotConfigured extends WakecallError {
    name = "NotConfigured";
}
/** No connection was made, so that nothing was sent. */
export class Unreachable extends WakecallError {
    name = "Unreachable";
}
/** A request was sent, and no answer that can be read came back in time. */
export class NoAnswer extends WakecallError {
    name = "NoAnswer";
}
/** The run that was waited for is not over, or has not begun. */
export class NotOver extends WakecallError {
    name = "NotOver";
}
/** The service refused the request. */
export class ProblemError extends WakecallError {
    name = "ProblemError";
    status;
    type;
    title;
    detail;
    member;
    remedy;
    requestId;
    retryAfter;
    document;
    constructor(problem) {
        const what = problem.detail || problem.title || `The service answered ${problem.status}.`;
        super(problem.remedy ? `${what} ${problem.remedy}` : what);
        this.status = problem.status;
        this.type = problem.type;
        this.title = problem.title;
        this.detail = problem.detail;
        this.member = problem.member;
        this.remedy = problem.remedy;
        this.requestId = problem.requestId;
        this.retryAfter = problem.retryAfter;
        this.document = problem.document;
    }
    /** The last part of `type`, such as `invalid-member`. */
    get code() {
        return codeOf(this.type);
    }
}
/** A member, path segment, parameter or header has a value that is not accepted. */
export class InvalidMember extends ProblemError {
    name = "InvalidMember";
}
/** The request has no valid API key. */
export class Unauthenticated extends ProblemError {
    name = "Unauthenticated";
}
/** The key is valid, and does not allow the request. */
export class Forbidden extends ProblemError {
    name = "Forbidden";
}
/** The account has reached a limit on what is stored; `document` names the limit. */
export class LimitReached extends Forbidden {
    name = "LimitReached";
}
/** The account has no such job, run, name or path. */
export class NotFound extends ProblemError {
    name = "NotFound";
}
/** The request contradicts what is stored. */
export class Conflict extends ProblemError {
    name = "Conflict";
}
/** The document, the payload or the answer is too large. */
export class TooLarge extends ProblemError {
    name = "TooLarge";
}
/** The idempotency key was used for another request within 24 hours. */
export class KeyReused extends ProblemError {
    name = "KeyReused";
}
/** The account sends too many requests; `retryAfter` tells when it may go on. */
export class RateLimited extends ProblemError {
    name = "RateLimited";
}
/** A defect of the service, or an answer that is not Wakecall's. */
export class ServerError extends ProblemError {
    name = "ServerError";
}
/** The service, or a proxy before it, is not available or overloaded. */
export class Unavailable extends ServerError {
    name = "Unavailable";
}
/** A call does not come from this Wakecall, or not from now: answer it with 401. */
export class SignatureError extends WakecallError {
    name = "SignatureError";
}
/** A header of Standard Webhooks is missing or cannot be read. */
export class NoSignature extends SignatureError {
    name = "NoSignature";
}
/** No signature of the call was made with one of the secrets over this body. */
export class WrongSignature extends SignatureError {
    name = "WrongSignature";
}
/** The call was signed too long ago, or by a clock that is ahead. */
export class Stale extends SignatureError {
    name = "Stale";
}
const BY_CODE = new Map([
    ["invalid-member", InvalidMember],
    ["unauthenticated", Unauthenticated],
    ["limit-reached", LimitReached],
    ["not-found", NotFound],
    ["idempotency-key-reused", KeyReused],
]);
const BY_STATUS = new Map([
    [401, Unauthenticated],
    [403, Forbidden],
    [409, Conflict],
    [413, TooLarge],
    [429, RateLimited],
    [502, Unavailable],
    [503, Unavailable],
    [504, Unavailable],
]);
// Statuses that mean the same if a proxy answers in the service's place.
const OF_PROXIES = new Set([429, 502, 503, 504]);
/** The error that stands for a problem: by its type, else by its status. */
export function problemError(problem) {
    const known = BY_STATUS.get(problem.status);
    if (problem.type) {
        const other = problem.status >= 500 ? ServerError : ProblemError;
        return new (BY_CODE.get(codeOf(problem.type)) ?? known ?? other)(problem);
    }
    return new (OF_PROXIES.has(problem.status) && known ? known : ServerError)(problem);
}
function codeOf(type) {
    return type.slice(type.lastIndexOf("/") + 1);
}
