/** Payload: bytes that Wakecall carries, and their form in a document. */

/** What a payload may be given as. */
export type PayloadInput = string | Uint8Array | ArrayBuffer;

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const CHUNK = 0x8000;

/** The bytes of a payload, with what they may stand for. */
export class Payload {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The bytes as UTF-8. Throws TypeError if they are not. */
  get text(): string {
    return DECODER.decode(this.bytes);
  }

  /** The value that the bytes are the JSON of. Throws SyntaxError or TypeError. */
  json(): unknown {
    return JSON.parse(this.text);
  }
}

/** The members `data` and `dataEncoding` for a payload. */
export function toMembers(payload: PayloadInput): Record<string, string> {
  if (typeof payload === "string") {
    return { data: payload };
  }
  return { data: toBase64(new Uint8Array(payload)), dataEncoding: "base64" };
}

/** The payload that a text stands for, with `encoding` `base64` or none. */
export function fromText(text: string, encoding: unknown): Payload {
  return new Payload(encoding === "base64" ? fromBase64(text) : new TextEncoder().encode(text));
}

/** The base64 form of bytes. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}

/** The bytes that a base64 text stands for. Throws DOMException if it is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
