/** Pages: a list that is read as it is gone through. */
import type { RequestOptions } from "./requests.ts";
import type { Transport } from "./transport.ts";
/** The elements of a list, page by page; each iteration reads the list anew. */
export declare class Pages<T> implements AsyncIterable<T> {
    #private;
    constructor(transport: Transport, path: string, options: RequestOptions, read: (document: unknown) => T);
    [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;
    /**
     * The pages as the service delimits them; one may be empty although others follow. Throws NoAnswer
     * where a page leads to itself: such a list would never end.
     */
    pages(): AsyncGenerator<readonly T[], void, undefined>;
    /** The first elements, at most `limit` of them. Throws TypeError for a limit that is not a number. */
    take(limit: number): Promise<T[]>;
}
