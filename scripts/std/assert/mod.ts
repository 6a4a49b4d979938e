// Stands in for jsr:@std/assert where JSR is out of reach: the same code from npm, typed by hand. See "links" in deno.json.
// @ts-types="./types.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
