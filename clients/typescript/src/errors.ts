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
  override name = "WakecallError";
  /** The key of the request. A request that is repeated with it is carried out once. */
  idempotencyKey: string | undefined;
  /** Whether the request may have been carried out, because an attempt of it had no answer. */
  mayBeDone = false;
}

/** The client has no address of a service. */
export class NotConfigured extends WakecallError {
  override name = "NotConfigured";
}

/** No connection was made, so that nothing was sent. */
export class Unreachable extends WakecallError {
  override name = "Unreachable";
}

/** A request was sent, and no answer that can be read came back in time. */
export class NoAnswer extends WakecallError {
  override name = "NoAnswer";
}

/** The run that was waited for is not over, or has not begun. */
export class NotOver extends WakecallError {
  override name = "NotOver";
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
export class ProblemError extends WakecallError implements Problem {
  override name = "ProblemError";
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly member: string | undefined;
  readonly remedy: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  readonly document: Readonly<Record<string, unknown>>;

  constructor(problem: Problem) {
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
  get code(): string {
    return codeOf(this.type);
  }
}

/** A member, path segment, parameter or header has a value that is not accepted. */
export class InvalidMember extends ProblemError {
  override name = "InvalidMember";
}

/** The request has no valid API key. */
export class Unauthenticated extends ProblemError {
  override name = "Unauthenticated";
}

/** The key is valid, and does not allow the request. */
export class Forbidden extends ProblemError {
  override name = "Forbidden";
}

/** The account has reached a limit on what is stored; `document` names the limit. */
export class LimitReached extends Forbidden {
  override name = "LimitReached";
}

/** The account has no such job, run, name or path. */
export class NotFound extends ProblemError {
  override name = "NotFound";
}

/** The request contradicts what is stored. */
export class Conflict extends ProblemError {
  override name = "Conflict";
}

/** The document, the payload or the answer is too large. */
export class TooLarge extends ProblemError {
  override name = "TooLarge";
}

/** The idempotency key was used for another request within 24 hours. */
export class KeyReused extends ProblemError {
  override name = "KeyReused";
}

/** The account sends too many requests; `retryAfter` tells when it may go on. */
export class RateLimited extends ProblemError {
  override name = "RateLimited";
}

/** A defect of the service, or an answer that is not Wakecall's. */
export class ServerError extends ProblemError {
  override name = "ServerError";
}

/** The service, or a proxy before it, is not available or overloaded. */
export class Unavailable extends ServerError {
  override name = "Unavailable";
}

/** A call does not come from this Wakecall, or not from now: answer it with 401. */
export class SignatureError extends WakecallError {
  override name = "SignatureError";
}

/** A header of Standard Webhooks is missing or cannot be read. */
export class NoSignature extends SignatureError {
  override name = "NoSignature";
}

/** No signature of the call was made with one of the secrets over this body. */
export class WrongSignature extends SignatureError {
  override name = "WrongSignature";
}

/** The call was signed too long ago, or by a clock that is ahead. */
export class Stale extends SignatureError {
  override name = "Stale";
}

const BY_CODE = new Map<string, typeof ProblemError>([
  ["invalid-member", InvalidMember],
  ["unauthenticated", Unauthenticated],
  ["limit-reached", LimitReached],
  ["not-found", NotFound],
  ["idempotency-key-reused", KeyReused],
]);

const BY_STATUS = new Map<number, typeof ProblemError>([
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
export function problemError(problem: Problem): ProblemError {
  const known = BY_STATUS.get(problem.status);
  if (problem.type) {
    const other = problem.status >= 500 ? ServerError : ProblemError;
    return new (BY_CODE.get(codeOf(problem.type)) ?? known ?? other)(problem);
  }
  return new (OF_PROXIES.has(problem.status) && known ? known : ServerError)(problem);
}

function codeOf(type: string): string {
  return type.slice(type.lastIndexOf("/") + 1);
}
