/** Account: secrets, keys, apps, runners and inboxes. */
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import { type CallOptions } from "./requests.ts";
import type { Transport } from "./transport.ts";
declare class Part {
    protected readonly transport: Transport;
    constructor(transport: Transport);
}
/** Secrets that sign calls. */
export declare class Secrets extends Part {
    /** All secrets that sign now, the newest first. */
    list(options?: CallOptions): Promise<readonly models.Secret[]>;
    /** Make a new secret; the older ones sign for `overlap` more seconds, a day by default. */
    rotate(rotation?: {
        readonly overlap?: number;
    }, options?: CallOptions): Promise<readonly models.Secret[]>;
}
/** API keys of the account. */
export declare class Keys extends Part {
    list(options?: CallOptions): Pages<models.Key>;
    get(id: string, options?: CallOptions): Promise<models.Key>;
    /** Create a key; only this answer shows it, as `value`. */
    create(key: {
        readonly scope: models.Scope;
        readonly label?: string;
        readonly daprApp?: string;
        readonly expires?: Date | string;
    }, options?: CallOptions): Promise<models.Key>;
    revoke(id: string, options?: CallOptions): Promise<void>;
}
/** Dapr apps. */
export declare class Apps extends Part {
    list(options?: CallOptions): Pages<models.App>;
    get(id: string, options?: CallOptions): Promise<models.App>;
    /** Create or replace an app; without `token` and `hasToken` its token is removed. */
    put(id: string, app: {
        readonly url: string;
        readonly protocol?: models.App["protocol"];
        readonly token?: string;
        readonly hasToken?: boolean;
    }, options?: CallOptions): Promise<models.App>;
    delete(id: string, options?: CallOptions): Promise<void>;
}
/** Fusion runners. */
export declare class Runners extends Part {
    list(options?: CallOptions): Promise<readonly models.Runner[]>;
    get(type: string, options?: CallOptions): Promise<models.Runner>;
    put(type: string, url: string, options?: CallOptions): Promise<models.Runner>;
    delete(type: string, options?: CallOptions): Promise<void>;
}
/** The label of an inbox, and what it answers. */
export interface InboxOptions {
    readonly label?: string;
    readonly answer?: models.InboxAnswer;
}
/** Inboxes: test receivers that Wakecall serves. */
export declare class Inboxes extends Part {
    list(options?: CallOptions): Promise<readonly models.Inbox[]>;
    get(id: string, options?: CallOptions): Promise<models.Inbox>;
    create(inbox?: InboxOptions, options?: CallOptions): Promise<models.Inbox>;
    change(id: string, inbox: InboxOptions, options?: CallOptions): Promise<models.Inbox>;
    delete(id: string, options?: CallOptions): Promise<void>;
    /** The calls to an inbox, the newest first. */
    calls(id: string, options?: CallOptions): Pages<models.InboxCall>;
    /** The calls after number `after`, the oldest first; waits up to `wait` seconds for one. */
    next(id: string, { after, wait }: {
        readonly after: number;
        readonly wait?: number;
    }, options?: CallOptions): Promise<readonly models.InboxCall[]>;
}
export {};
