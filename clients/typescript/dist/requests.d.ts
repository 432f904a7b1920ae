/** Requests: what is sent, built once for a call, however often it is then sent. */
/** Values of a query; one that is undefined is left out, an array is repeated. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;
export type QueryValue = string | number | boolean | Date;
/** What may be set for one call of the client. */
export interface CallOptions {
    /** The key with which the request may be repeated; made for each call if absent. */
    readonly idempotencyKey?: string | undefined;
    /** Ends the call early: it then throws the reason of the signal. */
    readonly signal?: AbortSignal | undefined;
    /** For each attempt, in place of the client's. */
    readonly timeoutMs?: number | undefined;
}
/** A request as `Client.request` takes it. */
export interface RequestOptions extends CallOptions {
    readonly query?: Query | undefined;
    /** A document, sent as JSON. */
    readonly document?: unknown;
    /** Bytes or text, sent as they are; `headers` should name their `content-type`. */
    readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
    /** One that authorizes is sent in place of the client's key. */
    readonly headers?: Readonly<Record<string, string>> | undefined;
    /** Sent in place of the API key, as the completion token of a run. */
    readonly token?: string | undefined;
    /** `false`: the POST may be repeated without a key, as it is idempotent by itself. */
    readonly hasKey?: boolean | undefined;
}
/** What is sent for each attempt of one call. */
export interface Prepared {
    readonly method: string;
    readonly url: string;
    readonly init: RequestInit;
    readonly idempotencyKey: string | undefined;
    /** Whether the caller did not choose the key. */
    readonly isMinted: boolean;
    /** Whether it changes nothing. */
    readonly isReading: boolean;
    /** Whether sending it twice has the effect of sending it once. */
    readonly isRepeatable: boolean;
}
/** The request to `path` below `base`, with an idempotency key if it is a POST. Throws TypeError. */
export declare function prepare(base: string, apiKey: string | undefined, method: string, path: string, options: RequestOptions): Prepared;
/** The text of an instant. Throws TypeError for one that is invalid or too far away. */
export declare function isoText(instant: Date): string;
/** A path below `/1`, each segment encoded as a whole. Throws TypeError for one that is lost. */
export declare function path(...segments: readonly string[]): string;
