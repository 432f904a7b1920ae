/** Client: the API of Wakecall, by its nouns. */
import { Apps, Inboxes, Keys, Runners, Secrets } from "./account.ts";
import type { Answer } from "./answers.ts";
import { type Retries } from "./attempts.ts";
import { Jobs, type Schedule } from "./jobs.ts";
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import type { CallOptions, RequestOptions } from "./requests.ts";
import { Runs } from "./runs.ts";
import { type WaitOptions } from "./waiting.ts";
export interface ClientOptions {
    /** The API key; that of the environment variable `WAKECALL_KEY` if absent. */
    readonly key?: string | undefined;
    /** The address of Wakecall; that of `WAKECALL_URL` if absent. */
    readonly url?: string | undefined;
    /** The time limit of each attempt at a request; 10,000 by default. */
    readonly timeoutMs?: number | undefined;
    readonly retries?: {
        readonly [Name in keyof Retries]?: number | undefined;
    } | undefined;
    /** In place of the runtime's own `fetch`. */
    readonly fetch?: typeof fetch | undefined;
}
export interface PreviewOptions extends Omit<Schedule, "after"> {
    /** The instant to count from. */
    readonly from?: Date | string | undefined;
    /** How many firings to list; 5 by default. */
    readonly count?: number | undefined;
}
export interface UpcomingFilter {
    readonly until?: Date | string | undefined;
    readonly tags?: readonly string[] | undefined;
    readonly namePrefix?: string | undefined;
    readonly dialect?: models.Dialect | undefined;
    readonly endpoint?: string | undefined;
    readonly host?: string | undefined;
    readonly kind?: "once" | "cron" | "interval" | "chained" | undefined;
    /** Firings in a page. */
    readonly limit?: number | undefined;
}
export declare class Client {
    #private;
    readonly jobs: Jobs;
    readonly runs: Runs;
    readonly secrets: Secrets;
    readonly keys: Keys;
    readonly apps: Apps;
    readonly runners: Runners;
    readonly inboxes: Inboxes;
    /** Throws NotConfigured without an address, and TypeError for options that cannot be used. */
    constructor(options?: ClientOptions);
    /** Show what a schedule would do, without booking it. */
    preview(schedule: PreviewOptions, options?: CallOptions): Promise<models.Preview>;
    /** How late the account's calls began, in the last hour and day. */
    accuracy(options?: CallOptions): Promise<models.Accuracy>;
    /** The account, its limits and what it uses of them. */
    account(options?: CallOptions): Promise<models.Account>;
    /** The next firing of each job, the earliest first. */
    upcoming(filter?: UpcomingFilter, options?: CallOptions): Pages<models.Firing>;
    /**
     * The run, or the job's next run, once it is over. Throws NotOver, after a minute unless
     * `timeoutMs` tells otherwise, and TypeError for a job that does not fire by itself.
     */
    waitFor(what: models.Job | models.Run, options?: WaitOptions): Promise<models.Run>;
    /** Send any request to the API; the path may have a query. Repeats it as all others. */
    request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
}
