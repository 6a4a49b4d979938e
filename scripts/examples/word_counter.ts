/** Counts the words of one part of a text, and puts the counts into the store, where every thread sees them. */
import { defineAgent } from "@stage3/kernel/agent";

/** What to count. */
export interface Part {
  /** Its number: the key of its counts in the store. */
  readonly part: number;
  /** The text. */
  readonly text: string;
}

export default defineAgent<Part, number>({
  onMessage({ payload: { part, text } }, ctx) {
    const counts = new Map<string, number>();
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    if (!ctx.store.set("counts", String(part), counts)) throw new Error("the store is full: raise memoryStoreSize");
    ctx.reply(words.length);
  },
});
