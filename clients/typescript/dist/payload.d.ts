/** Payload: bytes that Wakecall carries, and their form in a document. */
/** What a payload may be given as. */
export type PayloadInput = string | Uint8Array | ArrayBuffer;
/** The bytes of a payload, with what they may stand for. */
export declare class Payload {
    readonly bytes: Uint8Array;
    constructor(bytes: Uint8Array);
    /** The bytes as UTF-8. Throws TypeError if they are not. */
    get text(): string;
    /** The value that the bytes are the JSON of. Throws SyntaxError or TypeError. */
    json(): unknown;
}
/** The members `data` and `dataEncoding` for a payload. */
export declare function toMembers(payload: PayloadInput): Record<string, string>;
/** The payload that a text stands for, with `encoding` `base64` or none. */
export declare function fromText(text: string, encoding: unknown): Payload;
/** The base64 form of bytes. */
export declare function toBase64(bytes: Uint8Array): string;
/** The bytes that a base64 text stands for. Throws DOMException if it is not base64. */
export declare function fromBase64(text: string): Uint8Array<ArrayBuffer>;
