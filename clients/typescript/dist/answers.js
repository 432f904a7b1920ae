/** Answers: what came back for one attempt, and the error that it stands for. */
import { problemError } from "./errors.js";
/** The answer to a request that succeeded is not the document that was expected. */
export class UnreadableAnswer extends Error {
    name = "UnreadableAnswer";
}
const READ_CHARACTERS = 4096;
const SHOWN_CHARACTERS = 200;
const TITLE = /<title[^<>]*>([^<]*)/i;
const MARKUP = /<(script|style)\b[^]*?<\/\1>|<!--[^]*?-->|<[^<>]*>?/gi;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
// How the sentence begins that the service adds to the remedy of a response that it keeps.
const NEW_KEY = "Send the corrected request with a new Idempotency-Key";
const MAX_SECONDS = 1e9;
/** The JSON of an answer. Throws UnreadableAnswer. */
export function documentOf(answer) {
    try {
        return JSON.parse(answer.text);
    }
    catch {
        throw new UnreadableAnswer(`The answer is not a document: ${excerpt(answer.text)}`);
    }
}
/**
 * Read nothing: the status tells all. Throws UnreadableAnswer for a success that has a body, which
 * is the page of a proxy in front of the service: it has deleted nothing.
 */
export function readNothing(answer) {
    if (answer.status >= 200 && answer.status < 300 && answer.status !== 204) {
        throw new UnreadableAnswer(`The answer ${answer.status} is not a 204: ${excerpt(answer.text)}`);
    }
}
/**
 * The error that an answer stands for, which is not a success; `now` is in milliseconds. Callers who
 * left it to the client to mint the idempotency key are not asked for a new one.
 */
export function errorOf(answer, now, isMinted = false) {
    const document = problemDocument(answer);
    const text = (name) => {
        const value = document?.[name];
        return typeof value === "string" && value ? value : undefined;
    };
    return problemError({
        status: answer.status,
        type: text("type") ?? "",
        title: text("title") ?? "",
        detail: text("detail") ?? (document ? "" : foreign(answer)),
        member: text("member"),
        remedy: isMinted ? withoutKey(text("remedy")) : text("remedy"),
        requestId: answer.headers.get("x-request-id") ?? undefined,
        retryAfter: retryAfter(answer.headers, now),
        document: document ?? {},
    });
}
function withoutKey(remedy) {
    return remedy?.split(NEW_KEY, 1)[0]?.trimEnd() || undefined;
}
/** The problem document; undefined if the body is not one of Wakecall's. */
function problemDocument(answer) {
    try {
        const document = JSON.parse(answer.text);
        return `${document?.["type"]}`.includes("/problems/") ? (document ?? undefined) : undefined;
    }
    catch {
        return undefined;
    }
}
function foreign(answer) {
    const location = answer.headers.get("location");
    if (location === null) {
        return `The answer ${answer.status} is not Wakecall's: ${excerpt(answer.text)}`;
    }
    return (`The answer is ${answer.status} and leads to ${location.slice(0, SHOWN_CHARACTERS)}; redirects ` +
        "are not followed. Give the client the address that answers itself.");
}
/** The beginning of a body in one line for messages; of an HTML page its title or text. */
export function excerpt(body) {
    let text = body.slice(0, READ_CHARACTERS);
    if (text.trimStart().startsWith("<")) {
        text = TITLE.exec(text)?.[1]?.trim() || text.replace(MARKUP, " ");
        text = text.replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_all, name) => ENTITIES[name] ?? " ");
    }
    return text.split(/\s+/).join(" ").trim().slice(0, SHOWN_CHARACTERS).trimEnd() || "it has no text";
}
/** The seconds of `Retry-After`, which is a number or a date (RFC 9110, 10.2.3). */
function retryAfter(headers, now) {
    const value = headers.get("retry-after")?.trim() ?? "";
    if (/^[0-9]+$/.test(value)) {
        return Math.min(Number(value), MAX_SECONDS);
    }
    const at = Date.parse(value);
    return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000);
}
/**
 * The cursor of the page that `Link` leads to (RFC 8288); undefined on the last page. Only the
 * cursor is taken: the request goes where the first one went, whatever address the Link has.
 */
export function nextCursor(headers) {
    const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(headers.get("link") ?? "")?.[1];
    const query = target?.split("?", 2)[1];
    return query === undefined ? undefined : (new URLSearchParams(query).get("cursor") ?? undefined);
}
