/**
 * The researcher: ranks passages by how well they answer a query, and shows where.
 *
 * @module
 */
import { type AgentBehavior, defineAgent } from "../agents/agent.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_FINDINGS_MAX, TEAM_ITEMS_MAX, TEAM_TEXT_CHARS_MAX } from "../base/limits.ts";
import { listAt, objectAt, textAt, wholeAt } from "./input.ts";
import { type Match, ranked, wordsOf } from "./ranking.ts";

/** What a researcher takes. */
export interface ResearcherInput {
  /** Words to look for, in any order. */
  readonly query: string;
  /** Where to look. */
  readonly passages: readonly { readonly id: string; readonly text: string }[];
  /** Results wanted at most. Default 10. */
  readonly limit?: number;
}

/** One passage that fits. */
export interface ResearchResult {
  /** The passage. */
  readonly id: string;
  /** BM25: comparable within one reply only. */
  readonly score: number;
  /** Words of the query that it holds, in their order there. */
  readonly terms: string[];
  /** Part of the passage that holds most of them; `start` and `end` are its place. */
  readonly snippet: { readonly start: number; readonly end: number; readonly text: string };
  /** Places of the query's words in the passage, the first fifty. */
  readonly matches: Match[];
}

/** What a researcher replies. */
export interface ResearcherOutput {
  /** Best first. */
  readonly results: ResearchResult[];
  /** Passages that hold a word of the query. */
  readonly matching: number;
}

const LIMIT = 10;
const QUERY_CHARS_MAX = 2_000;
const SNIPPET_CHARS = 160;
/** Shown before the first word of a snippet. */
const LEAD_CHARS = 30;

/** The researcher's work. Throws `InvalidArgumentError` naming the field. */
export function researched(input: unknown): ResearcherOutput {
  const { query, passages, limit } = objectAt("input", input, ["query", "passages", "limit"]);
  const question = textAt("query", query, QUERY_CHARS_MAX);
  const asked = [...new Set(wordsOf(question))];
  if (asked.length === 0) throw new InvalidArgumentError("query", question, "give at least one word.");
  const read = passagesOf(passages);
  const most = wholeAt("limit", limit ?? LIMIT, 1, TEAM_FINDINGS_MAX);
  const all = ranked(question, read.map(({ text }) => text));
  const results = all.slice(0, most).map(({ index, score, matches }): ResearchResult => {
    const held = new Set(matches.map(({ term }) => term));
    return {
      id: read[index].id,
      score,
      terms: asked.filter((term) => held.has(term)),
      snippet: snippetOf(read[index].text, matches),
      matches,
    };
  });
  return { results, matching: all.length };
}

function passagesOf(value: unknown): { id: string; text: string }[] {
  let left = TEAM_TEXT_CHARS_MAX;
  return listAt("passages", value, TEAM_ITEMS_MAX).map((passage, index) => {
    const { id, text } = objectAt(`passages[${index}]`, passage, ["id", "text"]);
    const checked = { id: textAt(`passages[${index}].id`, id, 1_000), text: textAt(`passages[${index}].text`, text) };
    left -= checked.text.length;
    if (left < 0) {
      throw new InvalidArgumentError(
        "passages",
        value,
        `together they have over ${TEAM_TEXT_CHARS_MAX} characters; search fewer at a time.`,
      );
    }
    return checked;
  });
}

/** The stretch that begins at a match and holds the most different words; the first of equals. */
function snippetOf(text: string, matches: readonly Match[]): ResearchResult["snippet"] {
  let best = { at: 0, terms: 0 };
  matches.forEach(({ start }, at) => {
    const near = matches.slice(at).filter(({ end }) => end - start <= SNIPPET_CHARS - LEAD_CHARS);
    const terms = new Set(near.map(({ term }) => term)).size;
    if (terms > best.terms) best = { at, terms };
  });
  const first = matches[best.at].start;
  const start = wholeFrom(text, Math.max(0, first - LEAD_CHARS), first);
  const end = Math.max(matches[best.at].end, wholeUntil(text, Math.min(text.length, start + SNIPPET_CHARS)));
  return { start, end, text: text.slice(start, end) };
}

/** The first beginning of a word at or behind `at`, so that a snippet does not begin in the middle of one. */
function wholeFrom(text: string, at: number, most: number): number {
  if (at === 0) return 0;
  const gap = text.slice(at - 1, most).search(/\s/);
  return gap === -1 ? most : at + gap;
}

/** The last end of a word at or before `at`. */
function wholeUntil(text: string, at: number): number {
  if (at >= text.length || /\s/.test(text[at])) return at;
  const gap = text.slice(at - LEAD_CHARS, at).search(/\s\S*$/);
  return gap === -1 ? at : at - LEAD_CHARS + gap;
}

/** Takes `ResearcherInput` by `ask` or as `task.input`; replies `ResearcherOutput`. */
export const researcher: AgentBehavior<ResearcherInput, ResearcherOutput> = defineAgent<ResearcherInput, ResearcherOutput>({
  onMessage(message, ctx) {
    ctx.reply(researched(message.payload));
  },
  onTask(task) {
    return researched(task.input);
  },
});
