/** The client of Wakecall: books calls, lists what came of them, and verifies calls at a receiver. */

export type { InboxOptions } from "./account.ts";
export type { Answer } from "./answers.ts";
export type { Retries } from "./attempts.ts";
export { Client, type ClientOptions, type PreviewOptions, type UpcomingFilter } from "./client.ts";
export * from "./errors.ts";
export type { JobFilter, JobOptions, NewJob, Schedule } from "./jobs.ts";
export type * from "./models.ts";
export type { Pages } from "./pages.ts";
export { Payload, type PayloadInput } from "./payload.ts";
export type { CallOptions, Query, RequestOptions } from "./requests.ts";
export type { Completion, RedeliverySelection, RunFilter, RunSelection } from "./runs.ts";
export type { Span } from "./spans.ts";
export { VERSION } from "./version.ts";
export type { WaitOptions } from "./waiting.ts";
export * from "./webhook.ts";
