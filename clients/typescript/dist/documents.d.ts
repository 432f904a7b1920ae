/** Documents: the models that the API's JSON is read into. */
import type * as models from "./models.ts";
type Reader<T> = (document: unknown) => T;
export declare const readJob: Reader<models.Job>;
export declare const readRun: Reader<models.Run>;
export declare const readAttempt: Reader<models.Attempt>;
export declare const readPreview: Reader<models.Preview>;
export declare const readAccuracy: Reader<models.Accuracy>;
export declare const readInboxCall: Reader<models.InboxCall>;
export declare const readFiring: Reader<models.Firing>;
export declare const readAccount: Reader<models.Account>;
export declare const readSecret: Reader<models.Secret>;
export declare const readKey: Reader<models.Key>;
export declare const readInbox: Reader<models.Inbox>;
export declare const readApp: Reader<models.App>;
export declare const readRunner: Reader<models.Runner>;
export declare const readRedelivery: Reader<models.Redelivery>;
/** A reader of arrays. */
export declare function list<T>(read: Reader<T>): Reader<readonly T[]>;
export {};
