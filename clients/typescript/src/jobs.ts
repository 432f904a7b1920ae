/** Jobs: booking, reading and changing them. */

import { type Answer, documentOf, readNothing } from "./answers.ts";
import { list, readJob, readRun } from "./documents.ts";
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import { type PayloadInput, toMembers } from "./payload.ts";
import { milliseconds, type Span } from "./spans.ts";
import { type CallOptions, isoText, path } from "./requests.ts";
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

type Outcome = NonNullable<models.Put["outcome"]>;

const OUTCOMES: ReadonlySet<string> = new Set<Outcome>(["created", "replaced", "unchanged"]);

export class Jobs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Book a call to `url`. */
  async book(url: string, job: JobOptions, options?: CallOptions): Promise<models.Job> {
    return this.#post("/1/jobs", { ...job, url }, options);
  }

  /** Make all checks of a booking and store nothing; the job as it would be, without its id. */
  async check(url: string, job: JobOptions, options?: CallOptions): Promise<models.Job> {
    return this.#post("/1/jobs?dryRun=true", { ...job, url }, options);
  }

  /** Book up to 1,000 jobs, all or none. */
  async bookMany(jobs: Iterable<NewJob>, options?: CallOptions): Promise<readonly models.Job[]> {
    const documents = Array.from(jobs, jobDocument);
    const request = { ...options, document: documents };
    return this.#transport.call("POST", "/1/jobs/bulk", request, list(readJob));
  }

  /**
   * Create the job of that name, replace it, or leave it alone if it is like this already. With
   * `dryRun`, only tell which of these would be done.
   */
  async put(
    name: string,
    job: NewJob,
    options?: CallOptions & { readonly dryRun?: boolean },
  ): Promise<models.Put> {
    const query = { dryRun: options?.dryRun || undefined };
    const request = { ...options, query, document: jobDocument(job) };
    return this.#transport.send("PUT", path("jobs", "by-name", name), request, readPut);
  }

  /** Replace a job by this document. */
  async replace(id: string, job: NewJob, options?: CallOptions): Promise<models.Job> {
    const request = { ...options, document: jobDocument(job) };
    return this.#transport.call("PUT", at(id), request, readJob);
  }

  async get(id: string, options?: CallOptions): Promise<models.Job> {
    return this.#transport.call("GET", at(id), options, readJob);
  }

  async byName(name: string, options?: CallOptions): Promise<models.Job> {
    return this.#transport.call("GET", path("jobs", "by-name", name), options, readJob);
  }

  /** All jobs that match, the newest first. */
  list(filter: JobFilter = {}, options: CallOptions = {}): Pages<models.Job> {
    const { tags, failing, ...others } = filter;
    // A list without the filter has the jobs that are not failing as well: there is no `false`.
    const query = { view: "full", ...others, failing: failing || undefined, tag: tags };
    return new Pages(this.#transport, "/1/jobs", { ...options, query }, readJob);
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.#transport.send("DELETE", at(id), options, readNothing);
  }

  /** Call the job now. */
  async fire(id: string, options?: CallOptions): Promise<models.Run> {
    return this.#transport.call("POST", `${at(id)}/fire`, options, readRun);
  }

  /** Withdraw all future calls of the job, until it is resumed. */
  async pause(id: string, options?: CallOptions): Promise<models.Job> {
    return this.#transport.call("POST", `${at(id)}/pause`, options, readJob);
  }

  async resume(id: string, options?: CallOptions): Promise<models.Job> {
    return this.#transport.call("POST", `${at(id)}/resume`, options, readJob);
  }

  /** The runs of a job, the newest first, also after the job has ended. */
  runs(
    id: string,
    page: { readonly limit?: number; readonly view?: models.RunView } = {},
    options: CallOptions = {},
  ): Pages<models.Run> {
    return new Pages(this.#transport, `${at(id)}/runs`, { ...options, query: page }, readRun);
  }

  async #post(at: string, job: NewJob, options?: CallOptions): Promise<models.Job> {
    const request = { ...options, document: jobDocument(job) };
    return this.#transport.call("POST", at, request, readJob);
  }
}

function readPut(answer: Answer): models.Put {
  const job = readJob(documentOf(answer));
  const outcome = answer.headers.get("wakecall-outcome") ?? "";
  if (OUTCOMES.has(outcome)) {
    return { job, outcome: outcome as Outcome };
  }
  return answer.status === 201 ? { job, outcome: "created" } : { job };
}

/** The document of a job. `after` is turned into an instant here, once for all attempts. */
export function jobDocument(job: NewJob): Record<string, unknown> {
  const { when, after, data, json, ...members } = job;
  const payload = data === undefined ? {} : toMembers(data);
  return { ...members, ...moment(when, after), ...payload, ...(json === undefined ? {} : ofJson(job)) };
}

/** The document of a schedule. */
export function scheduleDocument(schedule: Schedule): Record<string, unknown> {
  const { when, after, ...members } = schedule;
  return { ...members, ...moment(when, after) };
}

function moment(when: Date | string | undefined, after: Span | undefined): Record<string, string> {
  if (when !== undefined && after !== undefined) {
    throw new TypeError("Give either `when` or `after`.");
  }
  const instant = after === undefined ? when : new Date(Date.now() + milliseconds(after));
  if (instant === undefined) {
    return {};
  }
  return { when: typeof instant === "string" ? instant : isoText(instant) };
}

function ofJson(job: NewJob): Record<string, string> {
  if (job.data !== undefined) {
    throw new TypeError("Give either `data` or `json`.");
  }
  const data = JSON.stringify(job.json);
  if (data === undefined) {
    throw new TypeError("`json` is a value that JSON does not have.");
  }
  return { data, contentType: job.contentType ?? "application/json" };
}

function at(id: string): string {
  return path("jobs", id);
}
