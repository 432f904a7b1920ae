/** Pages: a list that is read as it is gone through. */
import { documentOf, nextCursor } from "./answers.js";
import { list } from "./documents.js";
import { NoAnswer } from "./errors.js";
/** The elements of a list, page by page; each iteration reads the list anew. */
export class Pages {
    #transport;
    #path;
    #options;
    #read;
    constructor(transport, path, options, read) {
        this.#transport = transport;
        this.#path = path;
        this.#options = options;
        this.#read = list(read);
    }
    async *[Symbol.asyncIterator]() {
        for await (const page of this.pages()) {
            yield* page;
        }
    }
    /**
     * The pages as the service delimits them; one may be empty although others follow. Throws NoAnswer
     * where a page leads to itself: such a list would never end.
     */
    async *pages() {
        const read = (answer) => [
            this.#read(documentOf(answer)),
            nextCursor(answer.headers),
        ];
        let cursor;
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
    async take(limit) {
        if (Number.isNaN(limit)) {
            throw new TypeError("The limit is a number of elements.");
        }
        const taken = [];
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
