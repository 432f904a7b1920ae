/** Requests: what is sent, built once for a call, however often it is then sent. */
import { VERSION } from "./version.js";
const READING = new Set(["GET", "HEAD", "OPTIONS"]);
const REPEATABLE = new Set([...READING, "PUT", "DELETE", "POST"]);
const KEY = /^[!#-+\--~]{1,255}$/;
/** The request to `path` below `base`, with an idempotency key if it is a POST. Throws TypeError. */
export function prepare(base, apiKey, method, path, options) {
    const headers = new Headers({
        accept: "application/json",
        "user-agent": `wakecall-typescript/${VERSION}`,
        ...options.headers,
    });
    const key = options.token ?? apiKey;
    const isAuthorized = headers.has("authorization") || headers.has("x-api-key");
    if (key !== undefined && !isAuthorized) {
        headers.set("authorization", `Bearer ${key}`);
    }
    const givenKey = options.idempotencyKey ?? headers.get("idempotency-key") ?? undefined;
    const idempotencyKey = keyOf(method, givenKey, options);
    if (idempotencyKey !== undefined) {
        headers.set("idempotency-key", idempotencyKey);
    }
    let body = options.body ?? null;
    if (options.document !== undefined) {
        headers.set("content-type", "application/json");
        body = JSON.stringify(options.document, sendable);
    }
    return {
        method,
        url: address(base, path, options.query),
        // A redirect would send the key to another address, and might turn a POST into a GET.
        init: { method, headers, body, redirect: "manual" },
        idempotencyKey,
        isMinted: idempotencyKey !== undefined && givenKey === undefined,
        isReading: READING.has(method),
        isRepeatable: REPEATABLE.has(method),
    };
}
/** The text of an instant. Throws TypeError for one that is invalid or too far away. */
export function isoText(instant) {
    if (Number.isNaN(instant.getTime())) {
        throw new TypeError("A Date is invalid, or too far away.");
    }
    return instant.toISOString();
}
/** A member of a document as it is sent. Throws TypeError for what JSON would have as `null`. */
function sendable(name, value) {
    // A member that is null counts as absent: a key whose `expires` is invalid would never expire.
    const given = this[name];
    if (given instanceof Date) {
        return isoText(given);
    }
    if (typeof given === "number" && !Number.isFinite(given)) {
        throw new TypeError(`${name} is ${given}, which no document can have.`);
    }
    return value;
}
/** A path below `/1`, each segment encoded as a whole. Throws TypeError for one that is lost. */
export function path(...segments) {
    for (const each of segments) {
        if (each === "" || each === "." || each === "..") {
            throw new TypeError(`${JSON.stringify(each)} cannot be part of an address.`);
        }
    }
    return ["/1", ...segments.map(encodeURIComponent)].join("/");
}
function keyOf(method, given, options) {
    if (method !== "POST" || options.hasKey === false) {
        return undefined;
    }
    // Minted here, outside the retries, so that all attempts of one call have the same key.
    const key = given ?? crypto.randomUUID();
    if (!KEY.test(key)) {
        throw new TypeError("An idempotency key has 1 to 255 visible ASCII characters without commas and quotes.");
    }
    return key;
}
/** The address of a path, which may have a query. */
function address(base, path, query) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
        for (const each of Array.isArray(value) ? value : [value]) {
            if (each !== undefined) {
                search.append(name, each instanceof Date ? isoText(each) : `${each}`);
            }
        }
    }
    const text = search.toString();
    return `${base}${path}${text ? (path.includes("?") ? "&" : "?") : ""}${text}`;
}
