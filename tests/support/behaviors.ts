/** Behaviors for tests on threads: modules as `data:` URLs, which need no permission. */

/** A module whose default export is a behavior with these members. */
export function behaviorUrl(members: string, preamble = ""): string {
  const text = `${preamble}\nexport default Object.defineProperty({ ${members} }, Symbol.for("@stage3/kernel.behavior"), { value: true });`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

/** Replies `{ echo: payload, host }`. */
export const ECHO = behaviorUrl("onMessage(message, ctx) { ctx.reply({ echo: message.payload, host: ctx.host }); }");

/** Adds up what it gets; replies the sum to an ask. */
export const SUM = behaviorUrl(
  `onStart(ctx) { ctx.state = { sum: 0, seen: [], ...ctx.state }; },
   onMessage(message, ctx) {
     if (message.correlationId !== undefined) return ctx.reply({ sum: ctx.state.sum, seen: ctx.state.seen });
     ctx.state.sum += message.payload; ctx.state.seen.push(message.payload);
   }`,
);
