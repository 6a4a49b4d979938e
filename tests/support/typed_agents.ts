/**
 * What the compiler must accept and refuse of agents; checked by tests/types_test.ts, run by nobody. Each `@ts-expect-error` is an error itself
 * when its next line compiles.
 */
import { z } from "zod";
import { type AgentId, defineAgent, type InputOf, type ReplyOf, type UltraFastAgentManager } from "../../mod.ts";

interface Question {
  readonly text: string;
  readonly words?: number;
}
interface Answer {
  readonly letters: number;
}
interface Memory {
  asked: number;
}

/** Exactly the same type, not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_same: Same<A, B>): void {}

const typed = defineAgent<Question, Answer, Memory>({
  onStart(ctx) {
    ctx.state = { asked: 0 };
    // @ts-expect-error the state is what was declared
    ctx.state = { asked: "none" };
  },
  async onMessage(message, ctx) {
    same<typeof message.payload, Question>(true);
    same<typeof ctx.state, Memory>(true);
    ctx.state.asked++;
    // @ts-expect-error the state has no such field
    ctx.state.answered++;
    // @ts-expect-error the payload has no such field
    message.payload.txet;
    // @ts-expect-error the reply is what was declared
    ctx.reply("five");
    // @ts-expect-error the reply lacks its field
    ctx.reply({});
    const unknownReply = await ctx.ask(message.from, "anything");
    same<typeof unknownReply, unknown>(true);
    const reply = await ctx.ask<ReplyOf<typeof typed>>(message.from, "anything");
    same<typeof reply, Answer>(true);
    // @ts-expect-error an agent's address is a number
    ctx.send("typed", message.payload);
    // @ts-expect-error there is no such priority
    ctx.send(message.from, 1, { priority: "urgent" });
    ctx.reply({ letters: message.payload.text.length });
  },
  // @ts-expect-error concurrency is a number
  concurrency: "two",
});

defineAgent<Question, Answer, Memory>({
  // @ts-expect-error there is no such function of an agent
  onMesage() {},
});

defineAgent({
  onMessage({ payload }, ctx) {
    same<typeof payload, unknown>(true);
    // @ts-expect-error what is not declared is not known
    payload.text;
    ctx.reply({ anything: payload });
  },
});

/** A schema at the door types what stands behind it. */
defineAgent({
  accepts: z.object({ text: z.string() }),
  onMessage({ payload }) {
    same<typeof payload, { text: string }>(true);
  },
});

defineAgent<Question>({
  // @ts-expect-error the schema is of something else
  accepts: z.number(),
});

same<InputOf<typeof typed>, Question>(true);
same<ReplyOf<typeof typed>, Answer>(true);
same<ReplyOf<number>, never>(true);

/** How the manager asks. */
export async function asks(manager: UltraFastAgentManager, id: AgentId): Promise<void> {
  const untyped = await manager.ask(id, "anything");
  same<typeof untyped, unknown>(true);
  const answer = await manager.ask<ReplyOf<typeof typed>>(id, { text: "how long?" } satisfies InputOf<typeof typed>);
  same<typeof answer, Answer>(true);
  // @ts-expect-error the question is written wrong
  await manager.ask<Answer>(id, { txet: "how long?" } satisfies InputOf<typeof typed>);
  // @ts-expect-error there is no such option
  await manager.ask(id, "anything", { timeout: 5 });
  // @ts-expect-error a spawn takes a type's name first
  await manager.spawnAgent({ preWarm: true });
}
