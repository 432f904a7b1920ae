/** Runs: the firings of jobs, what came of them, and sending them again. */
import { readAttempt, readRedelivery, readRun } from "./documents.js";
import { Pages } from "./pages.js";
import { isoText, path } from "./requests.js";
export class Runs {
    #transport;
    constructor(transport) {
        this.#transport = transport;
    }
    async get(id, options) {
        return this.#transport.call("GET", at(id), options, readRun);
    }
    /** All runs that match, the newest first. */
    list(filter = {}, options = {}) {
        return new Pages(this.#transport, "/1/runs", { ...options, query: { ...filter } }, readRun);
    }
    /** All attempts of a run, the newest first. */
    attempts(id, page = {}, options = {}) {
        const request = { ...options, query: page };
        return new Pages(this.#transport, `${at(id)}/attempts`, request, readAttempt);
    }
    /** Send a run that is over again, with the same `webhook-id`. */
    async redeliver(id, options) {
        return this.#transport.call("POST", `${at(id)}/redeliver`, options, readRun);
    }
    /** Send failed and dead runs again, at most 10,000 in one call; with `dryRun`, count them. */
    async redeliverAll(selection, options) {
        const { after, before, ...members } = selection;
        const document = { ...members, after: text(after), before: text(before) };
        const request = { ...options, document };
        return this.#transport.call("POST", "/1/runs/redeliver", request, readRedelivery);
    }
    /** Report the result of a run whose call was answered with `completeLater()`. */
    async complete(id, completion = {}, options) {
        const { token, status = "succeeded", message } = completion;
        const request = { ...options, token, hasKey: false, document: { status, message } };
        return this.#transport.call("POST", `${at(id)}/complete`, request, readRun);
    }
}
function at(id) {
    return path("runs", id);
}
function text(instant) {
    return instant instanceof Date ? isoText(instant) : instant;
}
