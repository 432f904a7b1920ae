/**
 * Models: what the API answers. Members are spelt as in the API's documents and have their units;
 * instants are Dates, payloads are Payloads. An object also has the members that newer servers add.
 */
import type { Payload } from "./payload.ts";
export type Dialect = "native" | "dapr" | "fusion";
export type Method = "POST" | "PUT" | "PATCH" | "GET" | "HEAD" | "DELETE";
export type Misfire = "one" | "all" | "skip";
export type OnGap = "skip" | "next";
export type OnOverlap = "second" | "first" | "both";
export type RunState = "claimed" | "taken" | "waiting" | "running" | "succeeded" | "failed" | "cancelled" | "dead";
export type RunKind = "scheduled" | "manual" | "event" | "chained";
export type RunView = "full" | "brief";
export type StatusClass = "2xx" | "3xx" | "4xx" | "5xx" | "error";
export type Scope = "read" | "book" | "admin";
export type InboxAnswer = "204" | "500" | "429" | "202" | "wait";
/** How a run is tried again. Waits are in seconds. */
export interface Retry {
    readonly maxAttempts?: number;
    readonly schedule?: readonly number[];
    readonly backoff?: {
        readonly initial: number;
        readonly factor?: number;
        readonly max?: number;
    };
    readonly maxAge?: number;
}
export interface Job {
    /** Absent from the answer of a dry run. */
    readonly id: string;
    readonly account: string;
    /** Absent from a job of another dialect, which has an `endpoint`. */
    readonly url?: string;
    readonly signature?: string;
    readonly contentType?: string;
    readonly data?: Payload;
    /** The length of a payload that a list leaves out. */
    readonly dataOmitted?: number;
    readonly when?: Date;
    readonly cron?: string;
    readonly timezone?: string;
    readonly onGap?: OnGap;
    readonly onOverlap?: OnOverlap;
    /** Absent while the job is paused or waits for another one. */
    readonly next?: Date;
    /** `false` while the job is paused, else absent. */
    readonly enabled?: boolean;
    readonly name?: string;
    readonly tags?: readonly string[];
    readonly method?: Method;
    readonly headers?: Readonly<Record<string, string>>;
    readonly timeout?: number;
    readonly retry?: Retry;
    readonly misfire?: Misfire;
    readonly misfireWindow?: number;
    readonly onSuccess?: string;
    readonly onFailure?: string;
    readonly dialect?: Dialect;
    readonly endpoint?: string;
    readonly schedule?: string;
    readonly remaining?: number;
}
/** A job that was put by its name, and what became of it. */
export interface Put {
    readonly job: Job;
    /** Absent from the answer of a service that does not tell `replaced` from `unchanged`. */
    readonly outcome?: "created" | "replaced" | "unchanged";
}
export interface Header {
    readonly name: string;
    readonly value: string;
}
export interface Attempt {
    readonly number: number;
    readonly webhookId: string;
    readonly started: Date;
    readonly latenessMs?: number;
    /** That of the receiver's response; absent if there is an `error`. */
    readonly status?: number;
    readonly error?: string;
    readonly errorDetail?: string;
    /** Milliseconds from the start of the call. */
    readonly timing: {
        readonly dnsMs?: number;
        readonly connectMs?: number;
        readonly tlsMs?: number;
        readonly firstByteMs?: number;
        readonly totalMs?: number;
    };
    readonly headers?: readonly Header[];
    /** The first 1,024 bytes of the receiver's response. */
    readonly body?: Payload;
    readonly notKept?: boolean;
}
export interface Run {
    readonly id: string;
    /** Absent from an event, which has `run`. */
    readonly job?: string;
    readonly version?: number;
    /** The run that an event reports. */
    readonly run?: string;
    readonly kind: RunKind;
    readonly due: Date;
    readonly state: RunState;
    readonly missed: number;
    readonly settled?: Date;
    readonly nextAttempt?: Date;
    readonly completeBy?: Date;
    readonly reason?: string;
    /** How many attempts before the newest one are not listed. */
    readonly omittedAttempts?: number;
    /** The newest 20, in the order in which they were made; in a brief list, the first and the newest one. */
    readonly attempts: readonly Attempt[];
}
export interface Redelivery {
    readonly count: number;
    /** How many further runs cannot be sent again: their content is not kept, or they were attempted 1,000 times. */
    readonly lost: number;
    readonly more: boolean;
    /** With which to go on if there are `more`. */
    readonly cursor?: string;
}
export interface Preview {
    readonly summary: string | null;
    /** The next firings: the instant, and the time in `timezone` as text. */
    readonly next: readonly {
        readonly utc: Date;
        readonly local: string;
    }[];
    readonly minimumGap: number | null;
    readonly bookable: boolean;
    readonly reasons: readonly string[];
    readonly warnings: readonly string[];
    readonly timezone: string;
    readonly tzdata: string;
}
export interface Firing {
    readonly job: string;
    readonly name?: string;
    readonly due: Date;
    readonly expected?: Date;
    readonly dialect: Dialect;
    readonly recurring: boolean;
    readonly cron?: string;
    readonly timezone?: string;
    readonly schedule?: string;
    readonly remaining?: number;
    readonly url?: string;
    readonly endpoint?: string;
    readonly tags?: readonly string[];
    readonly reason?: string;
}
export interface Lateness {
    readonly since: Date;
    readonly deliveries: number;
    readonly p50Ms: number | null;
    readonly p95Ms: number | null;
    readonly p99Ms: number | null;
    readonly maxMs: number | null;
}
export interface Accuracy {
    readonly asOf: Date;
    readonly hour: Lateness;
    readonly day: Lateness;
}
export interface Account {
    readonly account: string;
    readonly created: Date;
    readonly suspended?: Date;
    /** The key of the request; absent from the answer of an older service. */
    readonly key?: {
        readonly id: string;
        readonly scope: Scope;
    };
    readonly limits: Readonly<Record<string, {
        readonly limit: number | null;
        readonly used?: number;
    }>>;
}
export interface Secret {
    readonly value: string;
    readonly created: Date;
    /** Absent from the newest one. */
    readonly expires?: Date;
}
export interface Key {
    readonly id: string;
    /** Only in the answer that creates the key. */
    readonly value?: string;
    readonly label: string;
    readonly scope: Scope;
    readonly daprApp?: string;
    readonly createdBy?: string;
    readonly created: Date;
    readonly expires?: Date;
    readonly lastUsed?: Date;
    readonly revoked?: Date;
}
/** A Dapr app, which the calls of an account's Dapr jobs go to. */
export interface App {
    readonly id: string;
    readonly url: string;
    readonly protocol: "http" | "grpc";
    readonly hasToken: boolean;
}
/** A Fusion runner, which the calls of an account's Fusion jobs go to. */
export interface Runner {
    readonly type: string;
    readonly url: string;
}
export interface Inbox {
    readonly id: string;
    readonly url: string;
    readonly label: string;
    readonly answer: InboxAnswer;
    readonly created: Date;
    readonly calls: number;
    readonly lastCall?: Date;
}
export interface InboxCall {
    readonly number: number;
    readonly received: Date;
    readonly method: string;
    readonly path: string;
    readonly query: string;
    readonly headers: readonly Header[];
    readonly data: Payload;
    /** The length of the whole body, of which `data` may be the beginning. */
    readonly bytes: number;
    readonly signature: "verified" | "invalid" | "missing";
    readonly run?: string;
    readonly attempt?: number;
    readonly scheduledFor?: Date;
    readonly latenessMs?: number;
    readonly answer: InboxAnswer;
}
