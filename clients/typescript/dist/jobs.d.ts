/** Jobs: booking, reading and changing them. */
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import { type PayloadInput } from "./payload.ts";
import { type Span } from "./spans.ts";
import { type CallOptions } from "./requests.ts";
import type { Transport } from "./transport.ts";
/** When a job is called: exactly one of `when`, `after` and `cron`. */
export interface Schedule {
    /** An instant, or ISO 8601 text; a text without an offset is a time of `timezone`. */
    readonly when?: Date | string | undefined;
    /** Counted from now, by this machine's clock. */
    readonly after?: Span | undefined;
    readonly cron?: string | undefined;
    readonly timezone?: string | undefined;
    readonly onGap?: models.OnGap | undefined;
    readonly onOverlap?: models.OnOverlap | undefined;
}
/** The members of a job, as the API's documents have them; `data` or `json` is its payload. */
export interface JobOptions extends Schedule {
    readonly data?: PayloadInput | undefined;
    /** A value that is sent as JSON, with the content type `application/json`. */
    readonly json?: unknown;
    readonly contentType?: string | undefined;
    readonly signature?: string | undefined;
    readonly enabled?: boolean | undefined;
    readonly name?: string | undefined;
    readonly tags?: readonly string[] | undefined;
    readonly method?: models.Method | undefined;
    readonly headers?: Readonly<Record<string, string>> | undefined;
    /** Seconds. */
    readonly timeout?: number | undefined;
    readonly retry?: models.Retry | undefined;
    readonly misfire?: models.Misfire | undefined;
    /** Seconds. */
    readonly misfireWindow?: number | undefined;
    readonly onSuccess?: string | undefined;
    readonly onFailure?: string | undefined;
}
/** A job to book, with the URL that it calls. */
export interface NewJob extends JobOptions {
    readonly url: string;
}
export interface JobFilter {
    readonly sort?: "newest" | "next" | "name" | undefined;
    readonly enabled?: boolean | undefined;
    /** `true`: only jobs of which a run failed or died and none has succeeded since. */
    readonly failing?: boolean | undefined;
    /** Only jobs that have all these tags. */
    readonly tags?: readonly string[] | undefined;
    readonly namePrefix?: string | undefined;
    readonly dialect?: models.Dialect | undefined;
    readonly endpoint?: string | undefined;
    readonly host?: string | undefined;
    readonly kind?: "once" | "cron" | "interval" | "chained" | undefined;
    /** Jobs in a page. */
    readonly limit?: number | undefined;
}
export declare class Jobs {
    #private;
    constructor(transport: Transport);
    /** Book a call to `url`. */
    book(url: string, job: JobOptions, options?: CallOptions): Promise<models.Job>;
    /** Make all checks of a booking and store nothing; the job as it would be, without its id. */
    check(url: string, job: JobOptions, options?: CallOptions): Promise<models.Job>;
    /** Book up to 1,000 jobs, all or none. */
    bookMany(jobs: Iterable<NewJob>, options?: CallOptions): Promise<readonly models.Job[]>;
    /**
     * Create the job of that name, replace it, or leave it alone if it is like this already. With
     * `dryRun`, only tell which of these would be done.
     */
    put(name: string, job: NewJob, options?: CallOptions & {
        readonly dryRun?: boolean;
    }): Promise<models.Put>;
    /** Replace a job by this document. */
    replace(id: string, job: NewJob, options?: CallOptions): Promise<models.Job>;
    get(id: string, options?: CallOptions): Promise<models.Job>;
    byName(name: string, options?: CallOptions): Promise<models.Job>;
    /** All jobs that match, the newest first. */
    list(filter?: JobFilter, options?: CallOptions): Pages<models.Job>;
    delete(id: string, options?: CallOptions): Promise<void>;
    /** Call the job now. */
    fire(id: string, options?: CallOptions): Promise<models.Run>;
    /** Withdraw all future calls of the job, until it is resumed. */
    pause(id: string, options?: CallOptions): Promise<models.Job>;
    resume(id: string, options?: CallOptions): Promise<models.Job>;
    /** The runs of a job, the newest first, also after the job has ended. */
    runs(id: string, page?: {
        readonly limit?: number;
        readonly view?: models.RunView;
    }, options?: CallOptions): Pages<models.Run>;
}
/** The document of a job. `after` is turned into an instant here, once for all attempts. */
export declare function jobDocument(job: NewJob): Record<string, unknown>;
/** The document of a schedule. */
export declare function scheduleDocument(schedule: Schedule): Record<string, unknown>;
