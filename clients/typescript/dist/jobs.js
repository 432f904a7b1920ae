/** Jobs: booking, reading and changing them. */
import { documentOf, readNothing } from "./answers.js";
import { list, readJob, readRun } from "./documents.js";
import { Pages } from "./pages.js";
import { toMembers } from "./payload.js";
import { milliseconds } from "./spans.js";
import { isoText, path } from "./requests.js";
const OUTCOMES = new Set(["created", "replaced", "unchanged"]);
export class Jobs {
    #transport;
    constructor(transport) {
        this.#transport = transport;
    }
    /** Book a call to `url`. */
    async book(url, job, options) {
        return this.#post("/1/jobs", { ...job, url }, options);
    }
    /** Make all checks of a booking and store nothing; the job as it would be, without its id. */
    async check(url, job, options) {
        return this.#post("/1/jobs?dryRun=true", { ...job, url }, options);
    }
    /** Book up to 1,000 jobs, all or none. */
    async bookMany(jobs, options) {
        const documents = Array.from(jobs, jobDocument);
        const request = { ...options, document: documents };
        return this.#transport.call("POST", "/1/jobs/bulk", request, list(readJob));
    }
    /**
     * Create the job of that name, replace it, or leave it alone if it is like this already. With
     * `dryRun`, only tell which of these would be done.
     */
    async put(name, job, options) {
        const query = { dryRun: options?.dryRun || undefined };
        const request = { ...options, query, document: jobDocument(job) };
        return this.#transport.send("PUT", path("jobs", "by-name", name), request, readPut);
    }
    /** Replace a job by this document. */
    async replace(id, job, options) {
        const request = { ...options, document: jobDocument(job) };
        return this.#transport.call("PUT", at(id), request, readJob);
    }
    async get(id, options) {
        return this.#transport.call("GET", at(id), options, readJob);
    }
    async byName(name, options) {
        return this.#transport.call("GET", path("jobs", "by-name", name), options, readJob);
    }
    /** All jobs that match, the newest first. */
    list(filter = {}, options = {}) {
        const { tags, failing, ...others } = filter;
        // A list without the filter has the jobs that are not failing as well: there is no `false`.
        const query = { view: "full", ...others, failing: failing || undefined, tag: tags };
        return new Pages(this.#transport, "/1/jobs", { ...options, query }, readJob);
    }
    async delete(id, options) {
        await this.#transport.send("DELETE", at(id), options, readNothing);
    }
    /** Call the job now. */
    async fire(id, options) {
        return this.#transport.call("POST", `${at(id)}/fire`, options, readRun);
    }
    /** Withdraw all future calls of the job, until it is resumed. */
    async pause(id, options) {
        return this.#transport.call("POST", `${at(id)}/pause`, options, readJob);
    }
    async resume(id, options) {
        return this.#transport.call("POST", `${at(id)}/resume`, options, readJob);
    }
    /** The runs of a job, the newest first, also after the job has ended. */
    runs(id, page = {}, options = {}) {
        return new Pages(this.#transport, `${at(id)}/runs`, { ...options, query: page }, readRun);
    }
    async #post(at, job, options) {
        const request = { ...options, document: jobDocument(job) };
        return this.#transport.call("POST", at, request, readJob);
    }
}
function readPut(answer) {
    const job = readJob(documentOf(answer));
    const outcome = answer.headers.get("wakecall-outcome") ?? "";
    if (OUTCOMES.has(outcome)) {
        return { job, outcome: outcome };
    }
    return answer.status === 201 ? { job, outcome: "created" } : { job };
}
/** The document of a job. `after` is turned into an instant here, once for all attempts. */
export function jobDocument(job) {
    const { when, after, data, json, ...members } = job;
    const payload = data === undefined ? {} : toMembers(data);
    return { ...members, ...moment(when, after), ...payload, ...(json === undefined ? {} : ofJson(job)) };
}
/** The document of a schedule. */
export function scheduleDocument(schedule) {
    const { when, after, ...members } = schedule;
    return { ...members, ...moment(when, after) };
}
function moment(when, after) {
    if (when !== undefined && after !== undefined) {
        throw new TypeError("Give either `when` or `after`.");
    }
    const instant = after === undefined ? when : new Date(Date.now() + milliseconds(after));
    if (instant === undefined) {
        return {};
    }
    return { when: typeof instant === "string" ? instant : isoText(instant) };
}
function ofJson(job) {
    if (job.data !== undefined) {
        throw new TypeError("Give either `data` or `json`.");
    }
    const data = JSON.stringify(job.json);
    if (data === undefined) {
        throw new TypeError("`json` is a value that JSON does not have.");
    }
    return { data, contentType: job.contentType ?? "application/json" };
}
function at(id) {
    return path("jobs", id);
}
