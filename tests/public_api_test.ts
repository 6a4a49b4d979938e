/**
 * The public names of every export of deno.json, held against tests/support/public_names.json: who uses the package must not lose one unawares.
 *
 * ```sh
 * deno run --allow-read --allow-write=tests --allow-run tests/public_api_test.ts --update
 * ```
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { testWith } from "./support/permissions.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("../", import.meta.url);
const KEPT = new URL("support/public_names.json", import.meta.url);
const UPDATE = "deno run --allow-read --allow-write=tests --allow-run tests/public_api_test.ts --update";

/** Export → name → what it is; a class's public members stand beside it as `Class.member`. */
type PublicNames = Record<string, Record<string, string>>;

/** What `deno doc --json` says, as far as it is used here. */
interface Documentation {
  readonly nodes: Record<string, { readonly symbols: readonly { readonly name: string; readonly declarations: readonly Declaration[] }[] }>;
}
interface Declaration {
  readonly kind: string;
  readonly def?: { readonly methods?: readonly Member[]; readonly properties?: readonly Member[] };
}
interface Member {
  readonly name: string;
  readonly kind?: string;
  readonly accessibility?: string;
}

async function readNames(): Promise<PublicNames> {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))) as { exports: Record<string, string> };
  const names: PublicNames = {};
  for (const [name, path] of Object.entries(exports)) {
    const { code, stdout, stderr } = await runDeno(ROOT, ["doc", "--json", path]);
    assertEquals(code, 0, stderr);
    const documented = JSON.parse(stdout) as Documentation;
    names[name] = namesOf(
      documented.nodes[new URL(path, ROOT).href].symbols.flatMap(({ name, declarations }) =>
        declarations.map((declaration) => ({ name, declaration }))
      ),
    );
  }
  return names;
}

function namesOf(symbols: readonly { name: string; declaration: Declaration }[]): Record<string, string> {
  const found: [name: string, kind: string][] = symbols.flatMap(({ name, declaration }) => [
    [name, declaration.kind] as [string, string],
    ...membersOf(declaration).map((member): [string, string] => [`${name}.${member.name}`, member.kind ?? "property"]),
  ]);
  return Object.fromEntries(found.sort(([a], [b]) => a < b ? -1 : 1));
}

function membersOf({ kind, def }: Declaration): readonly Member[] {
  if (kind !== "class") return [];
  return [...def?.methods ?? [], ...def?.properties ?? []].filter(({ accessibility }) =>
    accessibility === undefined || accessibility === "public"
  );
}

/** One line for each name that is gone, has become something else, or is new. */
function compare(kept: PublicNames, found: PublicNames): string[] {
  const exports = [...new Set([...Object.keys(kept), ...Object.keys(found)])];
  return exports.flatMap((name) => {
    const [before, now] = [kept[name] ?? {}, found[name] ?? {}];
    const gone = Object.keys(before).filter((symbol) => !(symbol in now)).map((symbol) => `- ${name} ${before[symbol]} ${symbol}`);
    const other = Object.keys(before).filter((symbol) => symbol in now && now[symbol] !== before[symbol])
      .map((symbol) => `~ ${name} ${before[symbol]} ${symbol} has become ${now[symbol]}`);
    const fresh = Object.keys(now).filter((symbol) => !(symbol in before)).map((symbol) => `+ ${name} ${now[symbol]} ${symbol}`);
    return [...gone, ...other, ...fresh];
  });
}

Deno.test("a removed, a changed and a new name are told apart", () => {
  const kept = { ".": { A: "class", "A.b": "method", C: "interface" }, "./x": { X: "function" } };
  assertEquals(compare(kept, kept), []);
  assertEquals(compare(kept, { ".": { A: "class", "A.c": "method", C: "typeAlias" } }), [
    ...["- . method A.b", "~ . interface C has become typeAlias", "+ . method A.c", "- ./x function X"],
  ]);
});

testWith({ read: true, run: true }, "the public names are those that were published", async () => {
  const differences = compare(JSON.parse(await Deno.readTextFile(KEPT)), await readNames());
  const advice =
    `A name that is gone or changed breaks who uses it: keep it, or say so in CHANGELOG.md. Then update the list:\n  ${UPDATE}`;
  assert(differences.length === 0, `the public names differ (- gone, ~ changed, + new):\n${differences.join("\n")}\n${advice}`);
});

if (Deno.args.includes("--update")) {
  await Deno.writeTextFile(KEPT, `${JSON.stringify(await readNames(), null, 2)}\n`);
}
