/** Webhook: for receivers, whether a request is a genuine call from Wakecall, and what it says. */
import { Payload } from "./payload.ts";
/** Headers as a runtime or framework gives them; the case of names does not matter. */
export type HeadersInput = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[] | undefined>>;
/**
 * A genuine call. The signature covers `id`, `sent` and `body`. The other members come from headers
 * beside it, which are as safe as the connection; one that cannot be read is absent.
 */
export interface Call {
    /** The id of the run: the same for all attempts, by which a repeat is recognised. */
    readonly id: string;
    /** When this attempt was sent, in whole seconds. */
    readonly sent: Date;
    /** Absent from events. */
    readonly job?: string;
    /** The run that an event reports. */
    readonly run?: string;
    /** The instant for which the call was booked. */
    readonly due?: Date;
    /** The number of the attempt, from 1. */
    readonly attempt?: number;
    readonly latenessMs?: number;
    /** How many missed firings this call stands for. */
    readonly missed: number;
    /** With which the result may be reported later. */
    readonly token?: string;
    /** How many calls led to this one, one to the next. */
    readonly depth?: number;
    readonly contentType?: string;
    readonly body: Payload;
}
export interface WebhookOptions {
    /** Seconds by which the time of sending may differ from now; 300 by default. */
    readonly tolerance?: number | undefined;
    /** The current time in milliseconds since 1970. */
    readonly now?: (() => number) | undefined;
}
/** Verifies calls by the signing secrets of an account (Standard Webhooks 1.0). */
export declare class Webhook {
    #private;
    /** Throws TypeError for a malformed secret or tolerance; give all secrets that sign at present. */
    constructor(secrets: string | readonly string[], options?: WebhookOptions);
    /**
     * The call with these headers and this body, which are its bytes as they arrived. Throws
     * NoSignature, WrongSignature or Stale; TypeError if the body is not bytes.
     */
    verify(body: Uint8Array | ArrayBuffer, headers: HeadersInput): Promise<Call>;
    /** The same for a Request, whose body is read here. */
    verifyRequest(request: Request): Promise<Call>;
    /** The headers with which a call is signed, by every secret: for tests of receivers. */
    sign(id: string, body: Uint8Array | ArrayBuffer, sent?: Date): Promise<Record<string, string>>;
}
/**
 * The header of a 202 with which a receiver announces that it reports the result later, `within` so
 * many seconds, 1 to 604,800. Throws TypeError.
 */
export declare function completeLater(within?: number): {
    "Wakecall-Complete": string;
};
