/**
 * Source text as the house rules read it: the same text with comments, strings and regular expressions blanked, so that a rule about code is
 * not fooled by prose. A scanner, not a parser: it knows just enough of the syntax to tell the four apart.
 *
 * @module
 */

/** One file, seen three ways; every view has the same length and the same lines. */
export interface SourceFile {
  /** Path from the project's root. */
  readonly path: string;
  /** As it stands. */
  readonly text: string;
  /** Comments blanked. */
  readonly code: string;
  /** Comments, strings and regular expressions blanked. */
  readonly bare: string;
}

/** Stands for a blanked character; not a space, so that a block that holds only a comment does not look empty. */
const BLANK = "·";
const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|yield|await))$/;
const REGEX_LITERAL = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;

/** End of a quoted string that opens at `from`: behind its closing quote, or at the end of the line. */
function quotedEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === text[from]) return i + 1;
    else if (text[i] === "\n") return i;
  }
  return text.length;
}

/** End of a template's literal part: behind its backtick or behind the next `${`. */
function templateEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "`") return i + 1;
    else if (text[i] === "$" && text[i + 1] === "{") return i + 2;
  }
  return text.length;
}

/** Blanks everything but line ends. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, BLANK);
}

/** Reads one file. What is not TypeScript or JavaScript is left as it is. */
export function sourceFile(path: string, text: string): SourceFile {
  if (!/\.(?:ts|js)$/.test(path)) return { path, text, code: text, bare: text };
  let code = "";
  let bare = "";
  /** For each open template, how many braces are open inside its `${`. */
  const templates: number[] = [];
  const take = (end: number, comment: boolean): void => {
    const piece = text.slice(code.length, end);
    code += comment ? blank(piece) : piece;
    bare += blank(piece);
  };
  while (code.length < text.length) {
    const at = code.length;
    const char = text[at];
    if (char === "/" && text[at + 1] === "/") take((text.indexOf("\n", at) + 1 || text.length + 1) - 1, true);
    else if (char === "/" && text[at + 1] === "*") take((text.indexOf("*/", at + 2) + 1 || text.length - 1) + 1, true);
    else if (char === '"' || char === "'") take(quotedEnd(text, at), false);
    else if (char === "`" || (char === "}" && templates.at(-1) === 0)) {
      if (char === "}") templates.pop();
      const end = templateEnd(text, at + 1);
      take(end, false);
      if (text[end - 1] === "{") templates.push(0);
    } else if (char === "/" && REGEX_MAY_FOLLOW.test(bare.slice(-400).replace(/[\s·]+$/, ""))) {
      REGEX_LITERAL.lastIndex = at;
      take(REGEX_LITERAL.test(text) ? REGEX_LITERAL.lastIndex : at + 1, false);
    } else {
      if (templates.length > 0 && char === "{") templates[templates.length - 1]++;
      if (templates.length > 0 && char === "}") templates[templates.length - 1]--;
      code += char;
      bare += char;
    }
  }
  return { path, text, code, bare };
}

const IMPORTS = /\b(?:(?:import|export)\b[^;'"`]*?\bfrom\s*|import\s*\(?\s*)["']([^"'\n]+)["']/g;

/** Every module that a file names in an import, an export-from, an `import type` or a literal `import()`. */
export function importsOf(file: SourceFile): { specifier: string; line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  for (const match of file.code.matchAll(IMPORTS)) {
    if (file.bare[match.index] !== file.code[match.index]) continue;
    found.push({ specifier: match[1], line: lineAt(file.code, match.index + match[0].length) });
  }
  return found;
}

/** Line number, from 1, of a position. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < index; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/** A relative specifier as a path from the project's root; others as they are. */
export function resolveImport(from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

const SKIPPED_FOLDERS = /^(?:\..+|node_modules|coverage)$/;
const READ_FILES = /\.(?:ts|js|json|md|c|h|sh|yml|yaml)$|^(?:LICENSE|run|\.gitignore)$/;
const KEPT_DOT_FOLDERS: readonly string[] = [".ci", ".github"];

/** All the project's own text files; tools and caches are left out. */
export async function readProject(root: URL, folder = ""): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const item of Deno.readDir(new URL(folder === "" ? "." : folder, root))) {
    const path = folder + item.name;
    if (item.isDirectory && (KEPT_DOT_FOLDERS.includes(path) || !SKIPPED_FOLDERS.test(item.name))) {
      files.push(...await readProject(root, `${path}/`));
    } else if (item.isFile && READ_FILES.test(item.name)) files.push(sourceFile(path, await Deno.readTextFile(new URL(path, root))));
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}
