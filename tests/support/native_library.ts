/** A native library built for a test, where there is a C compiler: without one such a test is skipped, and its name says so. */
import { openLibrary } from "../../core/memory/kernels_native.ts";
import { buildNative, COMPILERS } from "../../scripts/build_native.ts";
import { missingFlags, type Needs, testWith } from "./permissions.ts";
import { withFolder } from "./run_deno.ts";

/** What building needs. */
export const BUILDING: Needs = { read: true, write: true, run: true, ffi: true };

/** The first compiler that runs; null when there is none, or when it may not be tried. */
export const compiler: string | null = missingFlags(BUILDING).length > 0 ? null : await findCompiler();

async function findCompiler(): Promise<string | null> {
  for (const name of COMPILERS) {
    try {
      if ((await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" }).output()).success) return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}

/** A test that builds with the compiler. */
export function testBuilding(name: string, fn: (t: Deno.TestContext) => Promise<void>, needs: Needs = {}): void {
  const all = { ...BUILDING, ...needs };
  if (compiler === null && missingFlags(all).length === 0) {
    Deno.test({ name: `${name} (skipped: no ${COMPILERS.join(", ")})`, ignore: true, fn });
  } else testWith(all, name, fn);
}

/** A library in a folder that is there while `use` runs. */
export async function withLibrary<T>(use: (path: string) => Promise<T>, flags: readonly string[] = []): Promise<T> {
  return await withFolder(async (folder) => await use((await buildNative({ folder, name: "library.so", flags })).path));
}

/** The same, open. */
export async function withOpenLibrary<T>(use: (library: ReturnType<typeof openLibrary>) => Promise<T> | T): Promise<T> {
  return await withLibrary(async (path) => {
    const library = openLibrary(path);
    try {
      return await use(library);
    } finally {
      library.close();
    }
  });
}

/** Compiles a text of C to a shared library: one that is not ours. */
export async function compileForeign(folder: string, name: string, text: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/${name}.c`, text);
  const args = ["-shared", "-fPIC", "-o", `${folder}/${name}.so`, `${folder}/${name}.c`];
  const { success, stderr } = await new Deno.Command(compiler!, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${folder}/${name}.so`;
}
