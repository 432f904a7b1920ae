/** Spans: lengths of time as callers write them. */
/** `"10m"`, `"1h30m"`, or members as those of a Temporal.Duration, without years and months. */
export type Span = string | {
    readonly weeks?: number;
    readonly days?: number;
    readonly hours?: number;
    readonly minutes?: number;
    readonly seconds?: number;
    readonly milliseconds?: number;
};
/** The milliseconds of a span. Throws TypeError if it cannot be read. */
export declare function milliseconds(span: Span): number;
