/**
 * Where a built library lies, for who builds it and for who loads it.
 *
 * @module
 */
import { LIBRARY_VERSION } from "./kernels_native.ts";
import { layoutHash } from "./layout_table.ts";

const ENDINGS: Partial<Record<typeof Deno.build.os, string>> = { linux: "so", darwin: "dylib" };

/** Name of the file for this system and processor; null where there is none. */
export function libraryName(): string | null {
  const { os, arch } = Deno.build;
  const ending = ENDINGS[os];
  return ending === undefined ? null : `stage3_kernel-${os}-${arch}.${ending}`;
}

/** The same with what it must agree in, so that several versions of the package share a cache. */
export function cacheName(): string | null {
  const name = libraryName();
  return name && name.replace("-", `-${LIBRARY_VERSION}-${layoutHash().toString(16).padStart(8, "0")}-`);
}

/** The user's folder for such files, or why it is not known. Asks for no permission. */
export function cacheFolder(): { readonly path: string } | { readonly why: string } {
  const variables = Deno.build.os === "darwin" ? ["HOME"] : ["XDG_CACHE_HOME", "HOME"];
  const granted = variables.every((variable) => Deno.permissions.querySync({ name: "env", variable }).state === "granted");
  if (!granted) return { why: `--allow-env=${variables.join(",")}` };
  const [home, own] = [Deno.env.get("HOME"), Deno.build.os === "darwin" ? undefined : Deno.env.get("XDG_CACHE_HOME")];
  const base = own || (home && `${home}/${Deno.build.os === "darwin" ? "Library/Caches" : ".cache"}`);
  return base ? { path: `${base}/stage3_kernel` } : { why: `${variables.join(" and ")} are not set` };
}
