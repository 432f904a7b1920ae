/** Runs: the firings of jobs, what came of them, and sending them again. */

import { readAttempt, readRedelivery, readRun } from "./documents.ts";
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import { type CallOptions, isoText, path } from "./requests.ts";
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

export class Runs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async get(id: string, options?: CallOptions): Promise<models.Run> {
    return this.#transport.call("GET", at(id), options, readRun);
  }

  /** All runs that match, the newest first. */
  list(filter: RunFilter = {}, options: CallOptions = {}): Pages<models.Run> {
    return new Pages(this.#transport, "/1/runs", { ...options, query: { ...filter } }, readRun);
  }

  /** All attempts of a run, the newest first. */
  attempts(
    id: string,
    page: { readonly limit?: number } = {},
    options: CallOptions = {},
  ): Pages<models.Attempt> {
    const request = { ...options, query: page };
    return new Pages(this.#transport, `${at(id)}/attempts`, request, readAttempt);
  }

  /** Send a run that is over again, with the same `webhook-id`. */
  async redeliver(id: string, options?: CallOptions): Promise<models.Run> {
    return this.#transport.call("POST", `${at(id)}/redeliver`, options, readRun);
  }

  /** Send failed and dead runs again, at most 10,000 in one call; with `dryRun`, count them. */
  async redeliverAll(
    selection: RedeliverySelection,
    options?: CallOptions,
  ): Promise<models.Redelivery> {
    const { after, before, ...members } = selection;
    const document = { ...members, after: text(after), before: text(before) };
    const request = { ...options, document };
    return this.#transport.call("POST", "/1/runs/redeliver", request, readRedelivery);
  }

  /** Report the result of a run whose call was answered with `completeLater()`. */
  async complete(id: string, completion: Completion = {}, options?: CallOptions): Promise<models.Run> {
    const { token, status = "succeeded", message } = completion;
    const request = { ...options, token, hasKey: false, document: { status, message } };
    return this.#transport.call("POST", `${at(id)}/complete`, request, readRun);
  }
}

function at(id: string): string {
  return path("runs", id);
}

function text(instant: Date | string | undefined): string | undefined {
  return instant instanceof Date ? isoText(instant) : instant;
}
