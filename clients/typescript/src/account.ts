/** Account: secrets, keys, apps, runners and inboxes. */

import { readNothing } from "./answers.ts";
import {
  list,
  readApp,
  readInbox,
  readInboxCall,
  readKey,
  readRunner,
  readSecret,
} from "./documents.ts";
import type * as models from "./models.ts";
import { Pages } from "./pages.ts";
import { type CallOptions, path } from "./requests.ts";
import type { Transport } from "./transport.ts";

class Part {
  protected readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }
}

/** Secrets that sign calls. */
export class Secrets extends Part {
  /** All secrets that sign now, the newest first. */
  async list(options?: CallOptions): Promise<readonly models.Secret[]> {
    return this.transport.call("GET", "/1/secrets", options, list(readSecret));
  }

  /** Make a new secret; the older ones sign for `overlap` more seconds, a day by default. */
  async rotate(
    rotation: { readonly overlap?: number } = {},
    options?: CallOptions,
  ): Promise<readonly models.Secret[]> {
    const request = { ...options, document: rotation };
    return this.transport.call("POST", "/1/secrets/rotate", request, list(readSecret));
  }
}

/** API keys of the account. */
export class Keys extends Part {
  list(options: CallOptions = {}): Pages<models.Key> {
    return new Pages(this.transport, "/1/keys", options, readKey);
  }

  async get(id: string, options?: CallOptions): Promise<models.Key> {
    return this.transport.call("GET", path("keys", id), options, readKey);
  }

  /** Create a key; only this answer shows it, as `value`. */
  async create(
    key: {
      readonly scope: models.Scope;
      readonly label?: string;
      readonly daprApp?: string;
      readonly expires?: Date | string;
    },
    options?: CallOptions,
  ): Promise<models.Key> {
    const request = { ...options, document: key };
    return this.transport.call("POST", "/1/keys", request, readKey);
  }

  async revoke(id: string, options?: CallOptions): Promise<void> {
    await this.transport.send("DELETE", path("keys", id), options, readNothing);
  }
}

/** Dapr apps. */
export class Apps extends Part {
  list(options: CallOptions = {}): Pages<models.App> {
    return new Pages(this.transport, "/1/dapr-apps", options, readApp);
  }

  async get(id: string, options?: CallOptions): Promise<models.App> {
    return this.transport.call("GET", path("dapr-apps", id), options, readApp);
  }

  /** Create or replace an app; without `token` and `hasToken` its token is removed. */
  async put(
    id: string,
    app: {
      readonly url: string;
      readonly protocol?: models.App["protocol"];
      readonly token?: string;
      readonly hasToken?: boolean;
    },
    options?: CallOptions,
  ): Promise<models.App> {
    const request = { ...options, document: app };
    return this.transport.call("PUT", path("dapr-apps", id), request, readApp);
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.transport.send("DELETE", path("dapr-apps", id), options, readNothing);
  }
}

/** Fusion runners. */
export class Runners extends Part {
  async list(options?: CallOptions): Promise<readonly models.Runner[]> {
    return this.transport.call("GET", "/1/fusion-runners", options, list(readRunner));
  }

  async get(type: string, options?: CallOptions): Promise<models.Runner> {
    return this.transport.call("GET", path("fusion-runners", type), options, readRunner);
  }

  async put(type: string, url: string, options?: CallOptions): Promise<models.Runner> {
    const request = { ...options, document: { url } };
    return this.transport.call("PUT", path("fusion-runners", type), request, readRunner);
  }

  async delete(type: string, options?: CallOptions): Promise<void> {
    await this.transport.send("DELETE", path("fusion-runners", type), options, readNothing);
  }
}

/** The label of an inbox, and what it answers. */
export interface InboxOptions {
  readonly label?: string;
  readonly answer?: models.InboxAnswer;
}

/** Inboxes: test receivers that Wakecall serves. */
export class Inboxes extends Part {
  async list(options?: CallOptions): Promise<readonly models.Inbox[]> {
    return this.transport.call("GET", "/1/inboxes", options, list(readInbox));
  }

  async get(id: string, options?: CallOptions): Promise<models.Inbox> {
    return this.transport.call("GET", path("inboxes", id), options, readInbox);
  }

  async create(inbox: InboxOptions = {}, options?: CallOptions): Promise<models.Inbox> {
    const request = { ...options, document: inbox };
    return this.transport.call("POST", "/1/inboxes", request, readInbox);
  }

  async change(id: string, inbox: InboxOptions, options?: CallOptions): Promise<models.Inbox> {
    const request = { ...options, document: inbox };
    return this.transport.call("PUT", path("inboxes", id), request, readInbox);
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.transport.send("DELETE", path("inboxes", id), options, readNothing);
  }

  /** The calls to an inbox, the newest first. */
  calls(id: string, options: CallOptions = {}): Pages<models.InboxCall> {
    return new Pages(this.transport, `${path("inboxes", id)}/calls`, options, readInboxCall);
  }

  /** The calls after number `after`, the oldest first; waits up to `wait` seconds for one. */
  async next(
    id: string,
    { after, wait = 25 }: { readonly after: number; readonly wait?: number },
    options: CallOptions = {},
  ): Promise<readonly models.InboxCall[]> {
    const timeoutMs = (options.timeoutMs ?? this.transport.settings.timeoutMs) + wait * 1000;
    const request = { ...options, timeoutMs, query: { after, wait } };
    return this.transport.call("GET", `${path("inboxes", id)}/calls`, request, list(readInboxCall));
  }
}
