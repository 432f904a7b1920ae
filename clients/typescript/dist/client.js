/** Client: the API of Wakecall, by its nouns. */
import { Apps, Inboxes, Keys, Runners, Secrets } from "./account.js";
import { retriesOf } from "./attempts.js";
import { readAccount, readAccuracy, readFiring, readPreview } from "./documents.js";
import { NotConfigured } from "./errors.js";
import { Jobs, scheduleDocument } from "./jobs.js";
import { Pages } from "./pages.js";
import { Runs } from "./runs.js";
import { checkedTimeout, Transport } from "./transport.js";
import { dueOf, firingOf, isRun, waitFor } from "./waiting.js";
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_PATIENCE_MS = 60_000;
// Runs of a job among which the one that is waited for is looked for.
const LOOKED_AT = 20;
const SHOWN_CHARACTERS = 200;
export class Client {
    jobs;
    runs;
    secrets;
    keys;
    apps;
    runners;
    inboxes;
    #transport;
    /** Throws NotConfigured without an address, and TypeError for options that cannot be used. */
    constructor(options = {}) {
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
    async preview(schedule, options) {
        const { from, ...members } = schedule;
        const document = { ...scheduleDocument(members), after: from };
        return this.#transport.call("POST", "/1/preview", { ...options, document }, readPreview);
    }
    /** How late the account's calls began, in the last hour and day. */
    async accuracy(options) {
        return this.#transport.call("GET", "/1/accuracy", options, readAccuracy);
    }
    /** The account, its limits and what it uses of them. */
    async account(options) {
        return this.#transport.call("GET", "/1/account", options, readAccount);
    }
    /** The next firing of each job, the earliest first. */
    upcoming(filter = {}, options = {}) {
        const { tags, ...others } = filter;
        const request = { ...options, query: { ...others, tag: tags } };
        return new Pages(this.#transport, "/1/upcoming", request, readFiring);
    }
    /**
     * The run, or the job's next run, once it is over. Throws NotOver, after a minute unless
     * `timeoutMs` tells otherwise, and TypeError for a job that does not fire by itself.
     */
    async waitFor(what, options = {}) {
        const { timeoutMs = DEFAULT_PATIENCE_MS, signal } = options;
        const look = this.#looker(what, signal);
        return waitFor(look, dueOf(what), Date.now() + timeoutMs, signal);
    }
    /** Send any request to the API; the path may have a query. Repeats it as all others. */
    async request(method, path, options = {}) {
        // What follows a # would be lost, and a backslash be read as a slash: another thing was meant.
        if (!/^\/(?!\/)[^\s#\\]*$/.test(path)) {
            throw new TypeError("The path begins with one slash, as in /1/jobs, and blanks, # and \\ are written %20, %23 and %5C.");
        }
        return this.#transport.send(method.toUpperCase(), path, options, (answer) => answer);
    }
    #looker(what, signal) {
        if (isRun(what)) {
            return () => this.runs.get(what.id, { signal });
        }
        const due = dueOf(what);
        const newest = this.jobs.runs(what.id, { limit: LOOKED_AT }, { signal });
        return async () => firingOf(await newest.take(LOOKED_AT), due);
    }
}
function baseUrl(given) {
    if (!given) {
        throw new NotConfigured("Give the address of Wakecall: the option `url`, or WAKECALL_URL.");
    }
    const url = parsed(given);
    const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
    if (!url || !isHttp || url.username || url.password || url.search || url.hash) {
        throw new TypeError(`${JSON.stringify(given.slice(0, SHOWN_CHARACTERS))} is not the address of a Wakecall. ` +
            "Write it as in https://wakecall.example.com, without a query or a user name.");
    }
    return url.href.replace(/\/+$/, "");
}
function parsed(address) {
    try {
        return new URL(address);
    }
    catch {
        return undefined;
    }
}
/** The value of an environment variable, in runtimes that have them. */
function fromEnvironment(name) {
    const { process } = globalThis;
    try {
        return process?.env?.[name] || undefined;
    }
    catch {
        // Deno asks for a permission, which may be refused.
        return undefined;
    }
}
