/**
 * What it costs to find who wants a topic: 10,000 and 100,000 wildcard patterns, topics seen for the first time (the trie) and again (remembered). Beside
 * it the obvious thing, one compiled regular expression a pattern. Iterations match BATCH topics; divide by it for one.
 *
 * @module
 */
import { Random } from "../core/base/random.ts";
import { TopicMatcher } from "../core/bus/topic_matcher.ts";

const BATCH = 1_000;
const random = new Random(7);
let checksum = 0;

function word(letter: string, kinds: number): string {
  return letter + random.below(kinds);
}

function pattern(): string {
  const levels = [word("region", 40), word("site", 100), word("device", 100), word("kind", 20)];
  const kind = random.below(3);
  if (kind === 0) levels[1 + random.below(2)] = "*";
  else if (kind === 1) levels.splice(2 + random.below(2), 4, "#");
  else levels[3] = "*";
  return levels.join(".");
}

function topics(count: number): string[] {
  return Array.from({ length: count }, () => [word("region", 40), word("site", 100), word("device", 100), word("kind", 20)].join("."));
}

for (const patterns of [10_000, 100_000]) {
  const matcher = new TopicMatcher<number>();
  for (let index = 0; index < patterns; index++) matcher.add(pattern(), index);
  const asked = topics(BATCH);
  const group = `${patterns} patterns, ${BATCH} topics`;

  Deno.bench({ name: `${patterns} patterns: trie`, group, baseline: true }, () => {
    for (const topic of asked) checksum += matcher.find(topic).length;
  });

  Deno.bench({ name: `${patterns} patterns: remembered`, group }, () => {
    for (const topic of asked) checksum += matcher.match(topic).length;
  });
}

const scanned = Array.from({ length: 10_000 }, () => {
  const source = pattern().split(".").map((level) => level === "*" ? "[^.]*" : level === "#" ? ".*" : level).join("\\.");
  return new RegExp(`^${source}$`);
});
const one = topics(1)[0];
Deno.bench({ name: "10000 patterns: a regular expression each, ONE topic", group: "scan" }, () => {
  for (const expression of scanned) if (expression.test(one)) checksum++;
});

// Read, so that nothing above is thrown away as unused.
addEventListener("unload", () => {
  if (!Number.isInteger(checksum)) throw new Error("the checksum is not a number");
});
