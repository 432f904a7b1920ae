/** Client: the API of Wakecall, by its nouns. */

import { Apps, Inboxes, Keys, Runners, Secrets } from "./account.ts";
import type { Answer } from "./answers.ts";
import { type Retries, retriesOf } from "./attempts.ts";
import { readAccount, readAccuracy, readFiring, readPreview } from "./documents.ts";
import { NotConfigured } from "./errors.ts";
import { Jobs, type Schedule, scheduleDocument } from "./jobs.ts";
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import type { CallOptions, RequestOptions } from "./requests.ts";
import { Runs } from "./runs.ts";
import { checkedTimeout, Transport } from "./transport.ts";
import { dueOf, firingOf, isRun, type Look, waitFor, type WaitOptions } from "./waiting.ts";

export interface ClientOptions {
  /** The API key; that of the environment variable `WAKECALL_KEY` if absent. */
  readonly key?: string | undefined;
  /** The address of Wakecall; that of `WAKECALL_URL` if absent. */
  readonly url?: string | undefined;
  /** The time limit of each attempt at a request; 10,000 by default. */
  readonly timeoutMs?: number | undefined;
  readonly retries?: { readonly [Name in keyof Retries]?: number | undefined } | undefined;
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

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_PATIENCE_MS = 60_000;
// Runs of a job among which the one that is waited for is looked for.
const LOOKED_AT = 20;
const SHOWN_CHARACTERS = 200;

export class Client {
  readonly jobs: Jobs;
  readonly runs: Runs;
  readonly secrets: Secrets;
  readonly keys: Keys;
  readonly apps: Apps;
  readonly runners: Runners;
  readonly inboxes: Inboxes;
  readonly #transport: Transport;

  /** Throws NotConfigured without an address, and TypeError for options that cannot be used. */
  constructor(options: ClientOptions = {}) {
    const transport = new Transport({
      url: baseUrl(options.url ?? fromEnvironment("WAKECALL_URL")),
      key: (options.key ?? fromEnvironment("WAKECALL_KEY")) || undefined,
      timeoutMs: checkedTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
      retries: retriesOf(options.retries),
      // Workers refuse a `fetch` that is called on another object.
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    });
    this.#transport = transport;
    this.jobs = new Jobs(transport);
    this.runs = new Runs(transport);
    this.secrets = new Secrets(transport);
    this.keys = new Keys(transport);
    this.apps = new Apps(transport);
    this.runners = new Runners(transport);
    this.inboxes = new Inboxes(transport);
  }

  /** Show what a schedule would do, without booking it. */
  async preview(schedule: PreviewOptions, options?: CallOptions): Promise<models.Preview> {
    const { from, ...members } = schedule;
    const document = { ...scheduleDocument(members), after: from };
    return this.#transport.call("POST", "/1/preview", { ...options, document }, readPreview);
  }

  /** How late the account's calls began, in the last hour and day. */
  async accuracy(options?: CallOptions): Promise<models.Accuracy> {
    return this.#transport.call("GET", "/1/accuracy", options, readAccuracy);
  }

  /** The account, its limits and what it uses of them. */
  async account(options?: CallOptions): Promise<models.Account> {
    return this.#transport.call("GET", "/1/account", options, readAccount);
  }

  /** The next firing of each job, the earliest first. */
  upcoming(filter: UpcomingFilter = {}, options: CallOptions = {}): Pages<models.Firing> {
    const { tags, ...others } = filter;
    const request = { ...options, query: { ...others, tag: tags } };
    return new Pages(this.#transport, "/1/upcoming", request, readFiring);
  }

  /**
   * The run, or the job's next run, once it is over. Throws NotOver, after a minute unless
   * `timeoutMs` tells otherwise, and TypeError for a job that does not fire by itself.
   */
  async waitFor(what: models.Job | models.Run, options: WaitOptions = {}): Promise<models.Run> {
    const { timeoutMs = DEFAULT_PATIENCE_MS, signal } = options;
    const look = this.#looker(what, signal);
    return waitFor(look, dueOf(what), Date.now() + timeoutMs, signal);
  }

  /** Send any request to the API; the path may have a query. Repeats it as all others. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    // What follows a # would be lost, and a backslash be read as a slash: another thing was meant.
    if (!/^\/(?!\/)[^\s#\\]*$/.test(path)) {
      throw new TypeError(
        "The path begins with one slash, as in /1/jobs, and blanks, # and \\ are written %20, %23 and %5C.",
      );
    }
    return this.#transport.send(method.toUpperCase(), path, options, (answer) => answer);
  }

  #looker(what: models.Job | models.Run, signal?: AbortSignal): Look {
    if (isRun(what)) {
      return () => this.runs.get(what.id, { signal });
    }
    const due = dueOf(what);
    const newest = this.jobs.runs(what.id, { limit: LOOKED_AT }, { signal });
    return async () => firingOf(await newest.take(LOOKED_AT), due);
  }
}

function baseUrl(given: string | undefined): string {
  if (!given) {
    throw new NotConfigured("Give the address of Wakecall: the option `url`, or WAKECALL_URL.");
  }
  const url = parsed(given);
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  if (!url || !isHttp || url.username || url.password || url.search || url.hash) {
    throw new TypeError(
      `${JSON.stringify(given.slice(0, SHOWN_CHARACTERS))} is not the address of a Wakecall. ` +
        "Write it as in https://wakecall.example.com, without a query or a user name.",
    );
  }
  return url.href.replace(/\/+$/, "");
}

function parsed(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

/** The value of an environment variable, in runtimes that have them. */
function fromEnvironment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return process?.env?.[name] || undefined;
  } catch {
    // Deno asks for a permission, which may be refused.
    return undefined;
  }
}
