// Stands in for jsr:@std/async where JSR is out of reach. Single files, because the npm copy's own mod.js does not load.
export * from "./delay.ts";
export * from "./deadline.ts";
export * from "./pool.ts";
