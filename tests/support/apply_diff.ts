/** A unified diff applied by the book: every line that it quotes must stand where it says. An independent reader for what the coder writes. */
export function applyDiff(before: string, diff: string): string {
  const old = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const quoted = diff.match(/[^\n]*\n/g) ?? [];
  const result: string[] = [];
  let at = 0;
  for (let line = 2; line < quoted.length; line++) {
    const head = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n$/.exec(quoted[line]);
    if (head !== null) {
      const from = Number(head[1]) - (head[2] === "0" ? 0 : 1);
      result.push(...old.slice(at, from));
      at = from;
      const place = Number(head[3]) - (head[4] === "0" ? 0 : 1);
      if (place !== result.length) throw new Error(`hunk ${quoted[line]} stands at ${result.length}`);
      continue;
    }
    const mark = quoted[line][0];
    const isLast = quoted[line + 1]?.startsWith("\\ No newline");
    const text = isLast ? quoted[line].slice(1, -1) : quoted[line].slice(1);
    if (isLast) line++;
    if (mark !== "+" && old[at++] !== text) {
      throw new Error(`line ${at} is ${JSON.stringify(old[at - 1])}, the diff says ${JSON.stringify(text)}`);
    }
    if (mark !== "-") result.push(text);
  }
  return [...result, ...old.slice(at)].join("");
}
