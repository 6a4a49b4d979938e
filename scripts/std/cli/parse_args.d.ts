/** Options of {@linkcode parseArgs}; name every argument in `boolean` or `string` and the result is typed by it. */
export interface ParseOptions<B extends string = string, S extends string = string, C extends string = string> {
  /** When true, what follows `--` is returned under `"--"` instead of `_`. */
  "--"?: boolean;
  /** Other names of an argument. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Arguments that take no value. */
  boolean?: readonly B[];
  /** Arguments whose value is never turned into a number. */
  string?: readonly S[];
  /** Arguments that may be repeated; they come as an array. */
  collect?: readonly C[];
  /** Arguments that `--no-name` sets to false. */
  negatable?: readonly string[];
  /** Values of arguments that were not given. */
  default?: Readonly<Record<string, unknown>>;
  /** When true, parsing stops at the first positional argument. */
  stopEarly?: boolean;
  /** Told of each argument that is not declared; returning false leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What {@linkcode parseArgs} returns: positional arguments under `_`, an absent string argument as `undefined`. */
export type Args<B extends string, S extends string, C extends string> =
  & { _: (string | number)[]; "--"?: string[] }
  & { [K in B]: K extends C ? boolean[] : boolean }
  & { [K in S]: K extends C ? string[] : string | undefined }
  & { [K in Exclude<C, B | S>]: unknown[] };

/** Parses command line arguments. */
export declare function parseArgs<const B extends string = never, const S extends string = never, const C extends string = never>(
  args: readonly string[],
  options?: ParseOptions<B, S, C>,
): Args<B, S, C>;
