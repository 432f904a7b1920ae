/** Transport: sends a request until it is answered, without ever doing the same thing twice. */
import { type Answer } from "./answers.ts";
import { type Retries } from "./attempts.ts";
import { type RequestOptions } from "./requests.ts";
/** Where requests go and how; the same for all calls of a client. */
export interface TransportSettings {
    readonly url: string;
    readonly key: string | undefined;
    /** The time limit of each attempt. */
    readonly timeoutMs: number;
    readonly retries: Retries;
    readonly fetch: typeof fetch;
}
export declare class Transport {
    #private;
    readonly settings: TransportSettings;
    constructor(settings: TransportSettings);
    /** What `read` makes of the document of the answer. Throws as `send`. */
    call<T>(method: string, path: string, options: RequestOptions | undefined, read: (document: unknown) => T): Promise<T>;
    /**
     * What `read` makes of the answer to a request that succeeded. Throws a ProblemError for any
     * other answer, Unreachable or NoAnswer if there is none, and the reason of an aborted signal.
     */
    send<T>(method: string, path: string, options: RequestOptions | undefined, read: (answer: Answer) => T): Promise<T>;
}
/** A time limit. Throws TypeError for one that is not a number, or leaves no time. */
export declare function checkedTimeout(milliseconds: number): number;
/** Return after so many milliseconds. Throws the reason of a signal that is aborted before. */
export declare function pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
