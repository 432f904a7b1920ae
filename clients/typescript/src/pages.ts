/** Pages: a list that is read as it is gone through. */

import { type Answer, documentOf, nextCursor } from "./answers.ts";
import { list } from "./documents.ts";
import { NoAnswer } from "./errors.ts";
import type { RequestOptions } from "./requests.ts";
import type { Transport } from "./transport.ts";

/** The elements of a list, page by page; each iteration reads the list anew. */
export class Pages<T> implements AsyncIterable<T> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: RequestOptions;
  readonly #read: (document: unknown) => readonly T[];

  constructor(
    transport: Transport,
    path: string,
    options: RequestOptions,
    read: (document: unknown) => T,
  ) {
    this.#transport = transport;
    this.#path = path;
    this.#options = options;
    this.#read = list(read);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) {
      yield* page;
    }
  }

  /**
   * The pages as the service delimits them; one may be empty although others follow. Throws NoAnswer
   * where a page leads to itself: such a list would never end.
   */
  async *pages(): AsyncGenerator<readonly T[], void, undefined> {
    const read = (answer: Answer): readonly [readonly T[], string | undefined] => [
      this.#read(documentOf(answer)),
      nextCursor(answer.headers),
    ];
    let cursor: string | undefined;
    do {
      const options = { ...this.#options, query: { ...this.#options.query, cursor } };
      const [page, next] = await this.#transport.send("GET", this.#path, options, read);
      yield page;
      if (next !== undefined && next === cursor) {
        throw new NoAnswer("The service leads from a page to the same page.");
      }
      cursor = next;
    } while (cursor !== undefined);
  }

  /** The first elements, at most `limit` of them. Throws TypeError for a limit that is not a number. */
  async take(limit: number): Promise<T[]> {
    if (Number.isNaN(limit)) {
      throw new TypeError("The limit is a number of elements.");
    }
    const taken: T[] = [];
    if (limit > 0) {
      for await (const each of this) {
        if (taken.push(each) >= limit) {
          break;
        }
      }
    }
    return taken;
  }
}
