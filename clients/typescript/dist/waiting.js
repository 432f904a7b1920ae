/** Waiting: when to look again for the end of a run, and which run of a job is waited for. */
import { NotOver } from "./errors.js";
import { pause } from "./transport.js";
const FIRST_PAUSE_MS = 100;
const GROWTH = 1.5;
const MAX_PAUSE_MS = 2000;
const MAX_SLEEP_MS = 30_000;
// What a call is given after its due time before the first look.
const CALL_MS = 50;
const OVER = new Set(["succeeded", "failed", "cancelled", "dead"]);
export function isRun(what) {
    return "state" in what;
}
/** When what is waited for happens, in milliseconds. Throws TypeError for a job without a firing. */
export function dueOf(what) {
    const due = isRun(what) ? (what.nextAttempt ?? what.due) : (what.when ?? what.next);
    if (due === undefined || (!isRun(what) && what.enabled === false)) {
        throw new TypeError("The job has no next firing: it is paused, or was only checked.");
    }
    return due.getTime();
}
/** The run of the firing that was due then, or of the first one after; `newest` come first. */
export function firingOf(newest, due) {
    return newest
        .filter(({ kind }) => kind === "scheduled" || kind === "chained")
        .findLast((run) => run.due.getTime() >= due);
}
/** The run, once it is over. Throws NotOver at `deadline`. */
export async function waitFor(look, due, deadline, signal) {
    for (let looks = 0;; looks += 1) {
        const run = looks === 0 && due > Date.now() ? undefined : await look();
        if (run !== undefined && OVER.has(run.state)) {
            return run;
        }
        const left = deadline - Date.now();
        if (!(left > 0)) {
            throw new NotOver(`The run is not over: it ${run ? `is ${run.state}` : "has not begun"}.`);
        }
        const next = run === undefined ? due : (run.nextAttempt?.getTime() ?? 0);
        await pause(Math.min(pauseBefore(next, looks), left), signal);
    }
}
/** Milliseconds until the next look: until the due time, then growing. */
function pauseBefore(due, looks) {
    const ahead = due - Date.now();
    return ahead > 0
        ? Math.min(ahead + CALL_MS, MAX_SLEEP_MS)
        : Math.min(FIRST_PAUSE_MS * GROWTH ** Math.min(looks, 16), MAX_PAUSE_MS);
}
