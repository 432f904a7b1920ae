/** Spans: lengths of time as callers write them. */

/** `"10m"`, `"1h30m"`, or members as those of a Temporal.Duration, without years and months. */
export type Span =
  | string
  | {
      readonly weeks?: number;
      readonly days?: number;
      readonly hours?: number;
      readonly minutes?: number;
      readonly seconds?: number;
      readonly milliseconds?: number;
    };

const UNITS_MS = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
};
// What a Temporal.Duration may have besides, of no fixed length or less than a Date can tell.
const CALENDAR = ["years", "months"];
const MEMBERS: ReadonlySet<string> = new Set([
  ...Object.keys(UNITS_MS),
  ...CALENDAR,
  "microseconds",
  "nanoseconds",
]);
const LETTERS_MS: Readonly<Record<string, number>> = {
  d: UNITS_MS.days,
  h: UNITS_MS.hours,
  m: UNITS_MS.minutes,
  s: UNITS_MS.seconds,
  ms: UNITS_MS.milliseconds,
};
const PART = /(\d+(?:\.\d+)?)(ms|[dhms])/g;
const MAX_LENGTH = 40;

/** The milliseconds of a span. Throws TypeError if it cannot be read. */
export function milliseconds(span: Span): number {
  return typeof span === "string" ? ofText(span) : ofMembers(span);
}

function ofText(text: string): number {
  if (text.length > MAX_LENGTH || text === "" || text.replace(PART, "") !== "") {
    throw new TypeError(`The span ${JSON.stringify(text)} is not one such as "10m" or "1h30m".`);
  }
  let total = 0;
  for (const [, number, unit] of text.matchAll(PART)) {
    total += Number(number) * (LETTERS_MS[unit as string] as number);
  }
  return total;
}

function ofMembers(span: Exclude<Span, string>): number {
  // A member that is left out would make the span shorter, and the call too early.
  for (const name of Object.keys(span)) {
    if (!MEMBERS.has(name)) {
      throw new TypeError(`A span has no ${JSON.stringify(name)}; it has ${[...MEMBERS].join(", ")}.`);
    }
  }
  for (const name of CALENDAR) {
    if ((span as Readonly<Record<string, unknown>>)[name]) {
      throw new TypeError(`A span has no ${name}, which differ in length: give days, or \`when\`.`);
    }
  }
  let total = 0;
  for (const [name, unit] of Object.entries(UNITS_MS)) {
    const value = span[name as keyof typeof UNITS_MS];
    total += value === undefined ? 0 : value * unit;
  }
  if (!Number.isFinite(total)) {
    throw new TypeError("A member of the span is not a number.");
  }
  return total;
}
