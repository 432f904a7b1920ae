/**
 * Models: what the API answers. Members are spelt as in the API's documents and have their units;
 * instants are Dates, payloads are Payloads. An object also has the members that newer servers add.
 */
export {};
