/**
 * Okapi BM25 over a few texts held in memory: Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), with the idf that is never
 * negative.
 *
 * @module
 */

/** Where a word of the query stands. */
export interface Match {
  /** The word in lower case. */
  readonly term: string;
  /** Its first character. */
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
}

/** One text that holds a word of the query. */
export interface Ranked {
  /** Index of the text. */
  readonly index: number;
  /** BM25; above 0. */
  readonly score: number;
  /** In order of their places, the first ones. */
  readonly matches: Match[];
}

/** How soon more occurrences of a word stop counting more. */
const SATURATION = 1.2;
/** How much a long text is held back. */
const LENGTH_WEIGHT = 0.75;
/** Places kept of one text: enough to mark a snippet. */
const MATCHES_MAX = 50;
const WORD = /[\p{L}\p{N}][\p{L}\p{M}\p{N}]*/gu;

/** The words of a text in lower case. */
export function wordsOf(text: string): string[] {
  return Array.from(text.matchAll(WORD), ([word]) => word.toLowerCase());
}

/** The texts that hold a word of the query, best first; equally good ones in their order. */
export function ranked(query: string, texts: readonly string[]): Ranked[] {
  const terms = new Set(wordsOf(query));
  const read = texts.map((text) => readText(text, terms));
  const meanWords = read.reduce((sum, { words }) => sum + words, 0) / Math.max(1, texts.length);
  const rarity = new Map(Array.from(terms, (term) => {
    const holders = read.filter(({ counts }) => counts.has(term)).length;
    return [term, Math.log(1 + (texts.length - holders + 0.5) / (holders + 0.5))];
  }));
  const results = read.map(({ counts, words, matches }, index) => {
    let score = 0;
    for (const [term, count] of counts) {
      const long = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * words / meanWords;
      score += rarity.get(term)! * count * (SATURATION + 1) / (count + SATURATION * long);
    }
    return { index, score, matches };
  });
  return results.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score || a.index - b.index);
}

function readText(text: string, terms: ReadonlySet<string>): { words: number; counts: Map<string, number>; matches: Match[] } {
  const counts = new Map<string, number>();
  const matches: Match[] = [];
  let words = 0;
  for (const { 0: word, index: start } of text.matchAll(WORD)) {
    words++;
    const term = word.toLowerCase();
    if (!terms.has(term)) continue;
    counts.set(term, (counts.get(term) ?? 0) + 1);
    if (matches.length < MATCHES_MAX) matches.push({ term, start, end: start + word.length });
  }
  return { words, counts, matches };
}
