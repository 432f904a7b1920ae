/** Runs: the firings of jobs, what came of them, and sending them again. */
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import { type CallOptions } from "./requests.ts";
import type { Transport } from "./transport.ts";
/** Which runs are meant. */
export interface RunSelection {
    readonly job?: string | undefined;
    /** Due at this instant or later. */
    readonly after?: Date | string | undefined;
    readonly before?: Date | string | undefined;
    readonly kind?: models.RunKind | readonly models.RunKind[] | undefined;
    readonly lastStatus?: models.StatusClass | readonly models.StatusClass[] | undefined;
    readonly minLatenessMs?: number | undefined;
    readonly host?: string | undefined;
}
export interface RunFilter extends RunSelection {
    readonly state?: models.RunState | readonly models.RunState[] | undefined;
    /** `brief`: each with its first and its newest attempt only, without headers and body. */
    readonly view?: models.RunView | undefined;
    /** Runs in a page. */
    readonly limit?: number | undefined;
}
export interface RedeliverySelection extends RunSelection {
    readonly state?: "failed" | "dead" | readonly ("failed" | "dead")[] | undefined;
    /** `true`: only count them. */
    readonly dryRun?: boolean | undefined;
    /** That of the answer before, to go on if there were `more`. */
    readonly cursor?: string | undefined;
}
/** What a receiver reports of a run. */
export interface Completion {
    readonly status?: "succeeded" | "failed" | undefined;
    readonly message?: string | undefined;
    /** The completion token of the call, in place of an API key. */
    readonly token?: string | undefined;
}
export declare class Runs {
    #private;
    constructor(transport: Transport);
    get(id: string, options?: CallOptions): Promise<models.Run>;
    /** All runs that match, the newest first. */
    list(filter?: RunFilter, options?: CallOptions): Pages<models.Run>;
    /** All attempts of a run, the newest first. */
    attempts(id: string, page?: {
        readonly limit?: number;
    }, options?: CallOptions): Pages<models.Attempt>;
    /** Send a run that is over again, with the same `webhook-id`. */
    redeliver(id: string, options?: CallOptions): Promise<models.Run>;
    /** Send failed and dead runs again, at most 10,000 in one call; with `dryRun`, count them. */
    redeliverAll(selection: RedeliverySelection, options?: CallOptions): Promise<models.Redelivery>;
    /** Report the result of a run whose call was answered with `completeLater()`. */
    complete(id: string, completion?: Completion, options?: CallOptions): Promise<models.Run>;
}
