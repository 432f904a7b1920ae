/** Documents: the models that the API's JSON is read into. */
import { UnreadableAnswer } from "./answers.js";
import { fromText } from "./payload.js";
export const readJob = (document) => payload(instants(object(document), "when", "next"), "data", "dataEncoding");
export const readRun = (document) => {
    const run = instants(object(document), "due", "settled", "nextAttempt", "completeBy");
    return { ...run, attempts: list(readAttempt)(run["attempts"]) };
};
export const readAttempt = (document) => payload(instants(object(document), "started"), "body", "bodyEncoding");
export const readPreview = (document) => {
    const preview = object(document);
    const next = list((each) => instants(object(each), "utc"))(preview["next"]);
    return { ...preview, next };
};
export const readAccuracy = (document) => {
    const accuracy = instants(object(document), "asOf");
    const span = (name) => instants(object(accuracy[name]), "since");
    return { ...accuracy, hour: span("hour"), day: span("day") };
};
export const readInboxCall = (document) => payload(instants(object(document), "received", "scheduledFor"), "data", "dataEncoding");
export const readFiring = (document) => instants(object(document), "due", "expected");
export const readAccount = (document) => instants(object(document), "created", "suspended");
export const readSecret = (document) => instants(object(document), "created", "expires");
export const readKey = (document) => instants(object(document), "created", "expires", "lastUsed", "revoked");
export const readInbox = (document) => instants(object(document), "created", "lastCall");
export const readApp = (document) => instants(object(document));
export const readRunner = (document) => instants(object(document));
export const readRedelivery = (document) => instants(object(document));
/** A reader of arrays. */
export function list(read) {
    return (document) => {
        if (!Array.isArray(document)) {
            throw new UnreadableAnswer("The answer is not an array.");
        }
        return document.map(read);
    };
}
function object(document) {
    if (typeof document !== "object" || document === null || Array.isArray(document)) {
        throw new UnreadableAnswer("The answer is not an object.");
    }
    return document;
}
/** The document with these members, where they are present, as Dates. */
function instants(document, ...names) {
    const read = { ...document };
    for (const name of names) {
        if (typeof read[name] === "string") {
            read[name] = new Date(read[name]);
        }
    }
    return read;
}
/** The document with the member `name`, if it is present, as a Payload. */
function payload(document, name, encoding) {
    const { [encoding]: encoded, ...read } = document;
    if (typeof read[name] === "string") {
        read[name] = fromText(read[name], encoded);
    }
    return read;
}
