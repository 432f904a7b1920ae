/** Spans: lengths of time as callers write them. */

/** `"10m"`, `"1h30m"`, or members as those of a Temporal.Duration. */
export type Span =
  | string
  | {
      readonly days?: number;
      readonly hours?: number;
      readonly minutes?: number;
      readonly seconds?: number;
      readonly milliseconds?: number;
    };

const UNITS_MS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000, milliseconds: 1 };
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
