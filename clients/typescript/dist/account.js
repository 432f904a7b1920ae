/** Account: secrets, keys, apps, runners and inboxes. */
import { readNothing } from "./answers.js";
import { list, readApp, readInbox, readInboxCall, readKey, readRunner, readSecret, } from "./documents.js";
import { Pages } from "./pages.js";
import { path } from "./requests.js";
class Part {
    transport;
    constructor(transport) {
        this.transport = transport;
    }
}
/** Secrets that sign calls. */
export class Secrets extends Part {
    /** All secrets that sign now, the newest first. */
    async list(options) {
        return this.transport.call("GET", "/1/secrets", options, list(readSecret));
    }
    /** Make a new secret; the older ones sign for `overlap` more seconds, a day by default. */
    async rotate(rotation = {}, options) {
        const request = { ...options, document: rotation };
        return this.transport.call("POST", "/1/secrets/rotate", request, list(readSecret));
    }
}
/** API keys of the account. */
export class Keys extends Part {
    list(options = {}) {
        return new Pages(this.transport, "/1/keys", options, readKey);
    }
    async get(id, options) {
        return this.transport.call("GET", path("keys", id), options, readKey);
    }
    /** Create a key; only this answer shows it, as `value`. */
    async create(key, options) {
        const request = { ...options, document: key };
        return this.transport.call("POST", "/1/keys", request, readKey);
    }
    async revoke(id, options) {
        await this.transport.send("DELETE", path("keys", id), options, readNothing);
    }
}
/** Dapr apps. */
export class Apps extends Part {
    list(options = {}) {
        return new Pages(this.transport, "/1/dapr-apps", options, readApp);
    }
    async get(id, options) {
        return this.transport.call("GET", path("dapr-apps", id), options, readApp);
    }
    /** Create or replace an app; without `token` and `hasToken` its token is removed. */
    async put(id, app, options) {
        const request = { ...options, document: app };
        return this.transport.call("PUT", path("dapr-apps", id), request, readApp);
    }
    async delete(id, options) {
        await this.transport.send("DELETE", path("dapr-apps", id), options, readNothing);
    }
}
/** Fusion runners. */
export class Runners extends Part {
    async list(options) {
        return this.transport.call("GET", "/1/fusion-runners", options, list(readRunner));
    }
    async get(type, options) {
        return this.transport.call("GET", path("fusion-runners", type), options, readRunner);
    }
    async put(type, url, options) {
        const request = { ...options, document: { url } };
        return this.transport.call("PUT", path("fusion-runners", type), request, readRunner);
    }
    async delete(type, options) {
        await this.transport.send("DELETE", path("fusion-runners", type), options, readNothing);
    }
}
/** Inboxes: test receivers that Wakecall serves. */
export class Inboxes extends Part {
    async list(options) {
        return this.transport.call("GET", "/1/inboxes", options, list(readInbox));
    }
    async get(id, options) {
        return this.transport.call("GET", path("inboxes", id), options, readInbox);
    }
    async create(inbox = {}, options) {
        const request = { ...options, document: inbox };
        return this.transport.call("POST", "/1/inboxes", request, readInbox);
    }
    async change(id, inbox, options) {
        const request = { ...options, document: inbox };
        return this.transport.call("PUT", path("inboxes", id), request, readInbox);
    }
    async delete(id, options) {
        await this.transport.send("DELETE", path("inboxes", id), options, readNothing);
    }
    /** The calls to an inbox, the newest first. */
    calls(id, options = {}) {
        return new Pages(this.transport, `${path("inboxes", id)}/calls`, options, readInboxCall);
    }
    /** The calls after number `after`, the oldest first; waits up to `wait` seconds for one. */
    async next(id, { after, wait = 25 }, options = {}) {
        const timeoutMs = (options.timeoutMs ?? this.transport.settings.timeoutMs) + wait * 1000;
        const request = { ...options, timeoutMs, query: { after, wait } };
        return this.transport.call("GET", `${path("inboxes", id)}/calls`, request, list(readInboxCall));
    }
}
