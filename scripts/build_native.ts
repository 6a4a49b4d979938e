/**
 * Builds the native library of the hot loops with the C compiler of this machine. The sources are part of this module as text, so it needs no checkout: from
 * a checkout the library goes to native/build/, else into the user's cache, with its checksum beside it. `--help` lists the options.
 *
 * ```sh
 * deno task build:native                                                    # in a checkout
 * deno run --allow-run --allow-env --allow-read --allow-write jsr:@stage3/kernel/build-native  # anywhere
 * ```
 *
 * @module
 */
import crc32cSource from "../native/crc32c.c" with { type: "text" };
import gatherSource from "../native/gather.c" with { type: "text" };
import hashSource from "../native/hash.c" with { type: "text" };
import identitySource from "../native/identity.c" with { type: "text" };
import kernelsHeader from "../native/kernels.h" with { type: "text" };
import layoutHeader from "../native/layout.h" with { type: "text" };
import systemSource from "../native/system.c" with { type: "text" };
import { isKernelError, KernelError } from "../core/base/errors.ts";
import { openLibrary } from "../core/memory/kernels_native.ts";
import { cacheFolder, cacheName, libraryName } from "../core/memory/library_place.ts";

/** The sources by file name. */
export const SOURCES: Readonly<Record<string, string>> = {
  "crc32c.c": crc32cSource,
  "gather.c": gatherSource,
  "hash.c": hashSource,
  "identity.c": identitySource,
  "kernels.h": kernelsHeader,
  "layout.h": layoutHeader,
  "system.c": systemSource,
};

/** Looked for by PATH, in this order. */
export const COMPILERS: readonly string[] = ["gcc", "clang", "cc"];
/** The processor is asked when the library is loaded, so one file serves every one of its kind. */
export const COMPILER_FLAGS: readonly string[] = ["-std=gnu11", "-O3", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-shared"];
/** More would be of no use to who reads it. */
const COMPILER_WORDS_MAX = 4_000;

/** What to build and where. */
export interface BuildOptions {
  /** Folder of the library; made when it is not there. */
  readonly folder: string;
  /** Its file name. */
  readonly name: string;
  /** Instead of looking for one: a name found by PATH, or a path. */
  readonly compiler?: string;
  /** Added to the compiler's flags. */
  readonly flags?: readonly string[];
}

/** What was built. */
export interface Built {
  /** The library. */
  readonly path: string;
  /** SHA-256 of it in hex: also in the file beside it. */
  readonly sha256: string;
  /** Which compiler, as it names itself. */
  readonly compiler: string;
  /** Compilers that were looked for before it and are not there. */
  readonly missing: readonly string[];
}

/** Builds the library and writes its checksum beside it. Throws `COMPILER_NOT_FOUND` or `COMPILE_FAILED`. */
export async function buildNative({ folder, name, compiler, flags = [] }: BuildOptions): Promise<Built> {
  const found = await findCompiler(compiler === undefined ? COMPILERS : [compiler]);
  await Deno.mkdir(folder, { recursive: true });
  // Made beside and moved there: whoever loads it meanwhile has the old one or the new one whole.
  const work = `${folder}/building-${Deno.pid}`;
  await Deno.mkdir(work, { recursive: true });
  try {
    for (const [file, text] of Object.entries(SOURCES)) await Deno.writeTextFile(`${work}/${file}`, text);
    const units = Object.keys(SOURCES).filter((file) => file.endsWith(".c")).map((file) => `${work}/${file}`);
    const made = `${work}/${name}`;
    const { code, output } = await run(found.command, [...COMPILER_FLAGS, ...flags, "-o", made, ...units]);
    if (code !== 0) {
      throw new KernelError("COMPILE_FAILED", `${found.command} does not compile the library:\n${output}`, { compiler: found.command });
    }
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(made));
    const sha256 = new Uint8Array(digest).toHex();
    await Deno.writeTextFile(`${made}.sha256`, `${sha256}  ${name}\n`);
    await Deno.rename(`${made}.sha256`, `${folder}/${name}.sha256`);
    await Deno.rename(made, `${folder}/${name}`);
    return { path: `${folder}/${name}`, sha256, compiler: found.version, missing: found.missing };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The first of them that runs. */
async function findCompiler(names: readonly string[]): Promise<{ command: string; version: string; missing: string[] }> {
  const missing: string[] = [];
  for (const command of names) {
    if ((await Deno.permissions.query({ name: "run", command })).state !== "granted") {
      missing.push(`${command} (not permitted: --allow-run=${command})`);
      continue;
    }
    try {
      const { code, output } = await run(command, ["--version"]);
      if (code === 0) return { command, version: output.split("\n")[0], missing };
      missing.push(`${command} (it ends with ${code})`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      missing.push(`${command} (not found by PATH)`);
    }
  }
  const message = `no C compiler: ${missing.join(", ")}. Install one (Debian: apt install gcc; macOS: xcode-select --install) or name it ` +
    "by --compiler; without the library the loops run in TypeScript.";
  throw new KernelError("COMPILER_NOT_FOUND", message, { missing });
}

async function run(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  const decoder = new TextDecoder();
  return { code, output: (decoder.decode(stdout) + decoder.decode(stderr)).slice(0, COMPILER_WORDS_MAX) };
}

const HELP = `Builds the native library of @stage3/kernel's hot loops.

  --cache            into the user's cache, also from a checkout
  --out=FOLDER       into a folder of your own
  --compiler=NAME    instead of ${COMPILERS.join(", ")}

Needs --allow-run of the compiler, --allow-read and --allow-write of the folder, and for the cache --allow-env=XDG_CACHE_HOME,HOME.
`;

/** Where the command line wants the library. Throws `KernelError` when that cannot be. */
function placeOf(argv: readonly string[]): BuildOptions {
  const value = (option: string): string | undefined =>
    argv.findLast((arg) => arg.startsWith(`--${option}=`))?.slice(option.length + 3) || undefined;
  const unknown = argv.find((arg) => arg !== "--cache" && !/^--(?:out|compiler)=./.test(arg));
  if (unknown !== undefined) throw new KernelError("CONFIG", `${unknown}: no such option; --help lists all.`);
  const [name, cached] = [libraryName(), cacheName()];
  if (name === null || cached === null) {
    throw new KernelError("CONFIG", `there is no library for ${Deno.build.os}: the loops run in TypeScript.`);
  }
  const [compiler, out] = [value("compiler"), value("out")];
  if (out !== undefined) return { folder: out, name, compiler };
  const beside = new URL("../native/build", import.meta.url);
  if (beside.protocol === "file:" && !argv.includes("--cache")) return { folder: decodeURIComponent(beside.pathname), name, compiler };
  const folder = cacheFolder();
  if ("why" in folder) throw new KernelError("CONFIG", `the cache's folder is not known (${folder.why}); or give --out=FOLDER.`);
  return { folder: folder.path, name: cached, compiler };
}

/** Does what the command line says; resolves to the exit status: 0 built, 1 not built, 2 a bad command line. */
export async function main(argv: readonly string[], print: (line: string) => void): Promise<number> {
  if (argv.includes("--help")) {
    print(HELP.trimEnd());
    return 0;
  }
  try {
    const place = placeOf(argv);
    print(`building ${place.folder}/${place.name}`);
    const { path, sha256, compiler, missing } = await buildNative(place);
    for (const one of missing) print(`  compiler ${one}`);
    print(`  compiler ${compiler}`);
    print(`  sha256 ${sha256}`);
    print(`  ${checked(path)}`);
    print(`use it: --allow-ffi=${path}${usage(place, path)}`);
    return 0;
  } catch (error) {
    if (!isKernelError(error) && !(error instanceof Deno.errors.NotCapable)) throw error;
    print(`${error.name}: ${error.message}`);
    return isKernelError(error) && error.code === "CONFIG" ? 2 : 1;
  }
}

/** Whether it can be loaded and counts right, if this process may. */
function checked(path: string): string {
  if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") {
    return `not loaded to check it: that needs --allow-ffi=${path}`;
  }
  openLibrary(path).close();
  return "loaded; its sums are right";
}

function usage({ folder, name }: BuildOptions, path: string): string {
  if (name === libraryName()) {
    return folder.endsWith("/native/build") ? "" : `, and the option native: { library: ${JSON.stringify(path)} }`;
  }
  return ` with the option native: { library: ${
    JSON.stringify(path)
  } }, or without it also --allow-env=XDG_CACHE_HOME,HOME --allow-read=${folder}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args, console.log));
