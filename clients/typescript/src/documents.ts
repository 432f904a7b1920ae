/** Documents: the models that the API's JSON is read into. */

import { UnreadableAnswer } from "./answers.ts";
import type * as models from "./models.ts";
import { fromText } from "./payload.ts";

type Document = Readonly<Record<string, unknown>>;
type Reader<T> = (document: unknown) => T;

export const readJob: Reader<models.Job> = (document) =>
  payload(instants(object(document), "when", "next"), "data", "dataEncoding");

export const readRun: Reader<models.Run> = (document) => {
  const run = instants<Document>(object(document), "due", "settled", "nextAttempt", "completeBy");
  return { ...run, attempts: list(readAttempt)(run["attempts"]) } as unknown as models.Run;
};

export const readAttempt: Reader<models.Attempt> = (document) =>
  payload(instants(object(document), "started"), "body", "bodyEncoding");

export const readPreview: Reader<models.Preview> = (document) => {
  const preview = object(document);
  const next = list((each) => instants(object(each), "utc"))(preview["next"]);
  return { ...preview, next } as unknown as models.Preview;
};

export const readAccuracy: Reader<models.Accuracy> = (document) => {
  const accuracy = instants<Document>(object(document), "asOf");
  const span = (name: string): unknown => instants(object(accuracy[name]), "since");
  return { ...accuracy, hour: span("hour"), day: span("day") } as unknown as models.Accuracy;
};

export const readInboxCall: Reader<models.InboxCall> = (document) =>
  payload(instants(object(document), "received", "scheduledFor"), "data", "dataEncoding");

export const readFiring: Reader<models.Firing> = (document) =>
  instants(object(document), "due", "expected");

export const readAccount: Reader<models.Account> = (document) =>
  instants(object(document), "created", "suspended");

export const readSecret: Reader<models.Secret> = (document) =>
  instants(object(document), "created", "expires");

export const readKey: Reader<models.Key> = (document) =>
  instants(object(document), "created", "expires", "lastUsed", "revoked");

export const readInbox: Reader<models.Inbox> = (document) =>
  instants(object(document), "created", "lastCall");

export const readApp: Reader<models.App> = (document) => instants(object(document));

export const readRunner: Reader<models.Runner> = (document) => instants(object(document));

export const readRedelivery: Reader<models.Redelivery> = (document) => instants(object(document));

/** A reader of arrays. */
export function list<T>(read: Reader<T>): Reader<readonly T[]> {
  return (document) => {
    if (!Array.isArray(document)) {
      throw new UnreadableAnswer("The answer is not an array.");
    }
    return document.map(read);
  };
}

function object(document: unknown): Document {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new UnreadableAnswer("The answer is not an object.");
  }
  return document as Document;
}

/** The document with these members, where they are present, as Dates. */
function instants<T>(document: Document, ...names: readonly string[]): T {
  const read: Record<string, unknown> = { ...document };
  for (const name of names) {
    if (typeof read[name] === "string") {
      read[name] = new Date(read[name]);
    }
  }
  return read as T;
}

/** The document with the member `name`, if it is present, as a Payload. */
function payload<T>(document: Document, name: string, encoding: string): T {
  const { [encoding]: encoded, ...read } = document as Record<string, unknown>;
  if (typeof read[name] === "string") {
    read[name] = fromText(read[name], encoded);
  }
  return read as T;
}
