/**
 * The rules of the house as data. Each message names what to write instead; each rule carries planted violations that it must catch and
 * look-alikes that it must let pass, so that a rule cannot quietly stop working.
 *
 * @module
 */
import { importsOf, lineAt, resolveImport, type SourceFile } from "./source_text.ts";

/** Something that breaks a rule. */
export interface Violation {
  /** The file, from the project's root. */
  readonly path: string;
  /** Line, from 1. */
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

/** Files by path, for a rule's own tests. */
export type Sample = Readonly<Record<string, string>>;

/** One rule. */
export interface Rule {
  /** Short name, shown when a test fails. */
  readonly name: string;
  /** Looks at the whole project. */
  check(files: readonly SourceFile[]): Violation[];
  /** Every one of these files must be caught. */
  readonly planted: Sample;
  /** None of these may be caught. */
  readonly innocent: Sample;
}

/** Rule that a pattern must not occur in some files. */
interface PatternRule {
  readonly name: string;
  /** Files that it holds for. */
  readonly where: RegExp;
  /** Files that are the one place. */
  readonly except?: readonly string[];
  readonly pattern: RegExp;
  /** `bare` by default: code without comments and strings. */
  readonly view?: "text" | "bare";
  readonly instead: string;
  readonly planted: Sample;
  readonly innocent: Sample;
}

const BUNDLE = /\.bundle\.js$/;

/** Everything that a person wrote. */
function written(files: readonly SourceFile[]): SourceFile[] {
  return files.filter((file) => !BUNDLE.test(file.path));
}

function forbid(rule: PatternRule): Rule {
  const pattern = new RegExp(rule.pattern, "g");
  const check = (files: readonly SourceFile[]): Violation[] =>
    written(files).filter((file) => rule.where.test(file.path) && !rule.except?.includes(file.path)).flatMap((file) => {
      const view = file[rule.view ?? "bare"];
      return [...view.matchAll(pattern)].map((match) => ({
        path: file.path,
        line: lineAt(view, match.index),
        message: `${JSON.stringify(match[0])}: ${rule.instead}`,
      }));
    });
  return { name: rule.name, check, planted: rule.planted, innocent: rule.innocent };
}

/** A rule about a file's name or size as a whole: `judge` returns what is wrong, if anything. */
function forEachFile(name: string, judge: (file: SourceFile) => string | undefined, planted: Sample, innocent: Sample): Rule {
  const check = (files: readonly SourceFile[]): Violation[] =>
    written(files).flatMap((file) => {
      const message = judge(file);
      return message === undefined ? [] : [{ path: file.path, line: 1, message }];
    });
  return { name, check, planted, innocent };
}

const CORE = /^core\/.*\.ts$/;
const CODE = /^(?:core|scripts|bench|tests)\/.*\.ts$|^mod\.ts$/;
/** What deno.json publishes. */
const PUBLISHED = /^core\/.*\.ts$|^mod\.ts$|^scripts\/(?:validate|coordinate)[/-].*\.ts$|^scripts\/(?:build_native|coordinate)\.ts$/;
const SHIPPED = /^(?:core|scripts)\/.*\.ts$|^mod\.ts$/;

/** Floor of each folder of core/: a file imports its own folder and lower numbers. */
const FLOORS: Readonly<Record<string, number>> = {
  "base": 0,
  "memory": 1,
  "metrics": 2,
  "bus": 3,
  "agents": 4,
  "tasks": 4,
  "workflows": 4,
  "processes": 4,
  "models": 4,
  "isolation": 4.5,
  "team": 4.5,
  "threats": 4.5,
  "collective": 4.6,
  "": 5,
  "validation": 6,
  "cluster": 6,
  "lobby": 6,
  "gateway": 7,
};
/** Faces that may import every floor and that no floor imports. */
const FACES: readonly string[] = ["core/testing.ts", "mod.ts"];
/** Modules that something other than an import statement starts. */
const ENTRY_NAMES: readonly string[] = ["agents/agent", "agent_worker", "isolation_bridge", "validation/load_agent"];
const ENTRIES: readonly string[] = [...FACES, ...ENTRY_NAMES.map((name) => `core/${name}.ts`)];

function folderOf(path: string): string {
  return path.split("/").slice(1, -1)[0] ?? "";
}

/** Why `from` may not import `to`, if it may not. */
function climbs(from: string, to: string): string | undefined {
  if (/^(?:https?|jsr|file):/.test(to) || to.startsWith("@stage3/kernel")) return "import the file by its relative path";
  if (FACES.includes(to)) return "nothing imports a face: take what is needed from its own file";
  if (!CORE.test(to) && !BUNDLE.test(to)) {
    return /\.(?:ts|js)$/.test(to) && !to.includes(":") ? "core/ does not import scripts, tests or benches" : undefined;
  }
  if (FACES.includes(from)) return undefined;
  const [here, there] = [folderOf(from), folderOf(to)];
  if (FLOORS[here] === undefined) return `core/${here}/ has no floor: give it one in tests/support/house_rules.ts`;
  if (here === there || FLOORS[there] < FLOORS[here]) return undefined;
  return `floor ${FLOORS[here]} imports floor ${FLOORS[there]}: have core/kernel.ts hand it down as a function or an interface`;
}

function checkDirection(files: readonly SourceFile[]): Violation[] {
  return written(files).filter((file) => CORE.test(file.path) || file.path === "mod.ts").flatMap((file) =>
    importsOf(file).flatMap(({ specifier, line }) => {
      const message = climbs(file.path, resolveImport(file.path, specifier));
      return message === undefined ? [] : [{ path: file.path, line, message: `import of ${specifier}: ${message}` }];
    })
  );
}

function checkReached(files: readonly SourceFile[]): Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const open = files.map((file) => file.path).filter((path) => ENTRIES.includes(path) || path.startsWith("scripts/"));
  const reached = new Set(open);
  for (const path of open) {
    const file = byPath.get(path);
    for (const { specifier } of file ? importsOf(file) : []) {
      const target = resolveImport(path, specifier);
      if (byPath.has(target) && !reached.has(target)) {
        reached.add(target);
        open.push(target);
      }
    }
  }
  return written(files).filter((file) => CORE.test(file.path) && !reached.has(file.path)).map((file) => ({
    path: file.path,
    line: 1,
    message: "no entry reaches this file: import it where it is used, or remove it (a test or a bench is no user)",
  }));
}

const LOUD: readonly string[] = ["ultra", "fast", "optimized", "optimised", "enhanced", "v2"];
const EXPORTS =
  /\bexport\s+(?:(?:declare|abstract|async|default)\s+)*(?:class|function\s*\*?|const|let|interface|type|enum|namespace)\s+([A-Za-z_$][\w$]*)/g;

/** The boast in a name, if it holds one. */
function loudWord(name: string): string | undefined {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase().split(/[^a-z0-9]+/);
  if (words.join(" ").includes("high performance")) return "high performance";
  return words.find((word) => LOUD.includes(word));
}

function checkNames(files: readonly SourceFile[]): Violation[] {
  const named = written(files).filter((file) => CODE.test(file.path) && file.path !== "mod.ts");
  return named.flatMap((file) => {
    const names = [...file.bare.matchAll(EXPORTS)].map((match) => ({ name: match[1], line: lineAt(file.bare, match.index) }));
    names.push({ name: file.path.slice(file.path.lastIndexOf("/") + 1), line: 1 });
    return names.flatMap(({ name, line }) => {
      const word = loudWord(name);
      if (word === undefined) return [];
      return [{
        path: file.path,
        line,
        message: `"${word}" in ${name}: say what it is; speed is said by bench/, loud names live in mod.ts`,
      }];
    });
  });
}

const HOUSE_LINES_MAX = 400;
const VAGUE = /^(?:utils?|helpers?|common|types|misc|shared)\.ts$/;
const SNAKE_CASE = /^(?:[\w.]*\/)*[a-z0-9_]+(?:\.[a-z0-9_]+)*$/;
const KEBAB_BY_CONTRACT = "scripts/validate-stage3-performance.ts";
/** Written apart, so that this file does not hold what it forbids. */
const MACHINE = ["/wo" + "rk", "/tm" + "p"];
const REGISTRY = "registry." + "npmjs.org";

/** Every rule. */
export const RULES: readonly Rule[] = [
  forbid({
    name: "atomics have one door",
    where: SHIPPED,
    except: ["core/memory/atomics.ts"],
    pattern: /\bAtomics\s*[.[]/,
    instead: "use core/memory/atomics.ts, which model tests can swap",
    planted: { "core/bus/a.ts": "const n = Atomics.load(words, 0);" },
    innocent: { "core/memory/atomics.ts": "Atomics.load(words, 0);", "core/bus/a.ts": "// not Atomics.load\nload(words, 0);" },
  }),
  forbid({
    name: "shared memory is allocated in one place",
    where: SHIPPED,
    except: ["core/memory/shared_memory.ts"],
    pattern: /\bnew\s+(?:SharedArrayBuffer|WebAssembly\s*\.\s*Memory)\b/,
    instead: "use allocateMemory of core/memory/shared_memory.ts",
    planted: { "core/bus/a.ts": "const b = new SharedArrayBuffer(8);\n", "core/base/b.ts": "new WebAssembly.Memory({});" },
    innocent: { "core/bus/a.ts": "x instanceof SharedArrayBuffer; new WebAssembly.Instance(m);" },
  }),
  forbid({
    name: "threads are started in one place",
    where: SHIPPED,
    except: ["core/base/thread.ts"],
    pattern: /\bnew\s+Worker\s*\(/,
    instead: "use startThread of core/base/thread.ts",
    planted: { "core/tasks/a.ts": "const w = new Worker(text, { eval: true });" },
    innocent: { "core/base/thread.ts": "new Worker(text);", "core/tasks/a.ts": "new WorkerPool(); // new Worker(" },
  }),
  forbid({
    name: "native libraries are loaded in one place, the system's libc in another",
    where: SHIPPED,
    except: ["core/memory/kernels_native.ts", "core/memory/mapped_file.ts"],
    pattern: /\bDeno\s*\.\s*dlopen\b/,
    instead: "use core/memory/kernels_native.ts for our library, core/memory/mapped_file.ts for the libc",
    planted: { "core/memory/persistence.ts": "Deno.dlopen(path, symbols);" },
    innocent: {
      "core/memory/kernels_native.ts": "Deno.dlopen(path, symbols);",
      "core/memory/mapped_file.ts": "Deno.dlopen(numbers.library, SYMBOLS);",
    },
  }),
  forbid({
    name: "the time is read in one place",
    where: CORE,
    except: ["core/base/clock.ts"],
    pattern:
      /\bDate\s*\.\s*now\b|\bperformance\s*\.\s*(?:now|timeOrigin)\b|\bnew\s+Date\s*(?:\(\s*\)|(?![\w(\s]))|\bprocess\s*\.\s*hrtime\b/,
    instead: "take a Clock (core/base/clock.ts), which tests can fake",
    planted: {
      "core/bus/a.ts": "const t = performance.now();",
      "core/bus/b.ts": "new Date().toISOString();",
      "core/bus/c.ts": "Date.now()",
    },
    innocent: { "core/bus/a.ts": "new Date(clock.now()); clock.now(); // Date.now()" },
  }),
  forbid({
    name: "timers go through the clock",
    where: CORE,
    except: ["core/base/clock.ts"],
    pattern: /\b(?:setTimeout|setInterval)\s*\(|\bAbortSignal\s*\.\s*timeout\b/,
    instead: "use Clock.schedule (core/base/clock.ts), which tests can fake",
    planted: { "core/tasks/a.ts": "setTimeout(stop, 10);" },
    innocent: { "core/tasks/a.ts": 'clock.schedule(10, stop); setImmediate(stop); log("setTimeout(");' },
  }),
  forbid({
    name: "randomness has one source",
    where: CORE,
    except: ["core/base/random.ts"],
    pattern: /\bMath\s*\.\s*random\b|\bcrypto\s*\.\s*(?:randomUUID|getRandomValues)\b/,
    instead: "use core/base/random.ts, which is seeded",
    planted: { "core/bus/a.ts": "const id = crypto.randomUUID();" },
    innocent: { "core/bus/a.ts": "crypto.subtle.digest(name, bytes); Math.floor(1.5);" },
  }),
  forbid({
    name: "core prints nothing",
    where: CORE,
    pattern: /\bconsole\b/,
    instead: "throw an error of core/base/errors.ts, count it, or emit an event",
    planted: { "core/bus/a.ts": "console.log(1);" },
    innocent: { "core/bus/a.ts": "/** As on the console. */ export const a = 1;", "scripts/a.ts": "console.log(1);" },
  }),
  {
    name: "imports go down",
    check: checkDirection,
    planted: { "core/base/a.ts": 'import type { Ring } from "../memory/ring_buffer.ts";\n' },
    innocent: {
      "core/memory/a.ts": 'import { b } from "../base/b.ts";\nexport { c } from "./c.ts";\nimport { z } from "zod";\nimport "node:os";\n',
      "core/testing.ts": 'import { Kernel } from "./kernel.ts";',
      "mod.ts": 'export { Kernel } from "./core/kernel.ts";',
    },
  },
  {
    name: "neighbours do not import each other",
    check: checkDirection,
    planted: { "core/tasks/a.ts": 'export const load = () => import("../agents/agent.ts");' },
    innocent: { "core/tasks/a.ts": '/** import("../agents/agent.ts") */\nconst text = `import { a } from "../agents/agent.ts"`;' },
  },
  {
    name: "every file of core is used",
    check: checkReached,
    planted: { "core/base/a.ts": 'import "./b.ts";', "core/base/b.ts": 'import "./a.ts";' },
    innocent: {
      "mod.ts": 'export { a } from "./core/base/a.ts";',
      "core/base/a.ts": 'import type { B } from "./b.ts";',
      "core/base/b.ts": "",
    },
  },
  forEachFile(
    "file names say what is inside",
    (file) =>
      VAGUE.test(file.path.slice(file.path.lastIndexOf("/") + 1))
        ? "a name that says nothing: name the file after its one idea"
        : undefined,
    { "core/base/utils.ts": "" },
    { "core/bus/message_types.ts": "", "scripts/std/assert/types.d.ts": "" },
  ),
  {
    name: "no boasting names",
    check: checkNames,
    planted: { "core/bus/a.ts": "export class UltraFastBus {}", "core/bus/ring_v2.ts": "" },
    innocent: { "mod.ts": "export const UltraFastBus = MessageBus;", "core/bus/breakfast.ts": 'export const faster = "fast";' },
  },
  forEachFile(
    "one file, one idea",
    (file) => {
      const lines = file.text.trimEnd().split("\n").length;
      return CODE.test(file.path) && lines > HOUSE_LINES_MAX
        ? `${lines} lines, at most ${HOUSE_LINES_MAX}: split it where its second idea begins`
        : undefined;
    },
    { "core/bus/a.ts": "a();\n".repeat(HOUSE_LINES_MAX + 1) },
    { "core/bus/a.ts": "a();\n".repeat(HOUSE_LINES_MAX) },
  ),
  forbid({
    name: "no any",
    where: /^(?:core|tests|bench|scripts\/(?!std\/)).*\.ts$|^mod\.ts$/,
    pattern: /(?:[:<|&,]\s*|\bas\s+|=>\s*)any\b(?!\s*[(:=.])/,
    instead: "write the type, or `unknown` and narrow it",
    planted: { "core/bus/a.ts": "function f(x: any): void {}", "core/bus/b.ts": "const a = b as any;" },
    innocent: { "core/bus/a.ts": "/** Of any kind: any at all. */\nconst many = Promise.any([a]);" },
  }),
  forbid({
    name: "no error is swallowed",
    where: CODE,
    pattern: /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*\(\s*\w*\s*\)\s*=>\s*\{\s*\}\s*\)/,
    instead: "handle it, pass it on, or say in a comment inside the block why it may be dropped",
    planted: { "core/bus/a.ts": "try { a(); } catch {}", "core/bus/b.ts": "a().catch(() => {});" },
    innocent: { "core/bus/a.ts": "try { a(); } catch { /* already closed */ }\nb().catch(report);" },
  }),
  {
    name: "published modules take nothing from @std",
    check: (files) =>
      written(files).filter((file) => PUBLISHED.test(file.path)).flatMap((file) =>
        importsOf(file).filter(({ specifier }) => /^(?:jsr:)?@std\/|^(?:npm:)?(?:fast-check|mitata|deno-std)\b/.test(specifier)).map(
          ({ specifier, line }) => ({
            path: file.path,
            line,
            message: `import of ${specifier}: use the runtime's own API; tests, benches and scripts that stay here may import it`,
          }),
        )
      ),
    planted: {
      "core/tasks/a.ts": 'import { delay } from "@std/async/delay";',
      "scripts/validate/a.ts": 'import { parseArgs } from "@std/cli/parse-args";',
    },
    innocent: { "tests/a_test.ts": 'import { assert } from "@std/assert";', "core/tasks/a.ts": 'import { z } from "zod";' },
  },
  forbid({
    name: "tests do not sleep",
    where: /^tests\/.*\.ts$/,
    pattern: /\bsetTimeout\s*\(|\bdelay\(\s*\d[\d_]{2,}/,
    instead: "await the event itself or a fake clock; a bound on waiting is deadline() of @std/async",
    planted: { "tests/a_test.ts": "await delay(1_000);", "tests/b_test.ts": "setTimeout(done, 5);" },
    innocent: { "tests/a_test.ts": "await delay(0); await deadline(done, 5_000);", "bench/a_bench.ts": "await delay(1_000);" },
  }),
  forEachFile(
    "file names are snake_case",
    (file) =>
      /\.(?:ts|js|c|h)$/.test(file.path) && !SNAKE_CASE.test(file.path) && file.path !== KEBAB_BY_CONTRACT
        ? "use lower case and underscores"
        : undefined,
    { "core/bus/messageBus.ts": "" },
    { "bench/ring.mitata.ts": "", "scripts/std/async/delay.d.ts": "", [KEBAB_BY_CONTRACT]: "" },
  ),
  forbid({
    name: "no path or registry of one machine",
    where: /^(?!deno\.lock$)/,
    view: "text",
    pattern: /(?<![\w.\-/*])\/(?:(?:work|tmp)(?![\w\-])|(?:root|home|Users)\/\w)|\bregistry\.[a-z0-9\-]+\.[a-z]+/,
    instead: "use a path from the project's root, Deno.makeTempDir() or the registry's ordinary client",
    planted: {
      "README.md": `cd ${MACHINE[0]}/main`,
      "tests/a_test.ts": `open("${MACHINE[1]}")`,
      "scripts/a.ts": `fetch("https://${REGISTRY}/x")`,
    },
    innocent: {
      "core/README.md": "core/workflows, core/tasks/work.ts, routes /workers and /work-items; a registry. The next",
      "core/a.ts": "registry.register(a)",
    },
  }),
];
