// Stands in for jsr:@std/cli where JSR is out of reach. Only parse_args, because the npm copy's own mod.js does not load.
export * from "./parse_args.ts";
