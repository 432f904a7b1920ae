/** Waiting: when to look again for the end of a run, and which run of a job is waited for. */
import type * as models from "./models.ts";
export interface WaitOptions {
    /** How long to wait; a minute by default. */
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** Reads the run that is waited for; undefined while there is none. */
export type Look = () => Promise<models.Run | undefined>;
export declare function isRun(what: models.Job | models.Run): what is models.Run;
/** When what is waited for happens, in milliseconds. Throws TypeError for a job without a firing. */
export declare function dueOf(what: models.Job | models.Run): number;
/** The run of the firing that was due then, or of the first one after; `newest` come first. */
export declare function firingOf(newest: readonly models.Run[], due: number): models.Run | undefined;
/** The run, once it is over. Throws NotOver at `deadline`. */
export declare function waitFor(look: Look, due: number, deadline: number, signal: AbortSignal | undefined): Promise<models.Run>;
