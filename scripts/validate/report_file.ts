/**
 * The file of the JSON report: whether it can be written is found out before hours are spent on what goes into it.
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/base/errors.ts";

/** Opens the file for writing and closes it, what stands in it untouched. Throws `InvalidArgumentError` with the option that named it, and the remedy. */
export async function checkReportFile(path: string, option = "--report"): Promise<void> {
  const refuse = (remedy: string, cause?: unknown): never => {
    throw Object.assign(new InvalidArgumentError(option, path, remedy), { cause });
  };
  const { state } = await Deno.permissions.query({ name: "write", path });
  if (state !== "granted") refuse(`the script may not write there: run it with --allow-write=${path}`);
  try {
    const file = await Deno.open(path, { write: true, create: true });
    file.close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) refuse("its folder does not exist: make it first, or name another.", error);
    if (error instanceof Deno.errors.IsADirectory) refuse("it is a folder: name a file.", error);
    refuse(`it cannot be written (${error instanceof Error ? error.message : error}): name another file.`, error);
  }
}

/** Paths of a command's `--report` options, each ending in what can be written. */
export function reportPaths(values: readonly string[] = []): string[] {
  for (const path of values) {
    if (!/\.(md|json)$/.test(path)) throw new InvalidArgumentError("--report", path, "give the path of a file that ends in .md or .json.");
  }
  return [...new Set(values)];
}
