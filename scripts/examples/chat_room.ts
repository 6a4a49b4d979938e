/** A room: numbers what is said in it and passes it on, so that all its members hear the same in the same order. */
import { type AgentId, defineAgent } from "@stage3/kernel/agent";

/** Names who is in the room; or is a line; or asks what each member has heard. */
export type ToRoom = { members: AgentId[] } | { speaker: string; line: string } | { transcripts: true };

/** What a room remembers. */
export interface RoomState {
  /** Who is in it. */
  members: AgentId[];
  /** Lines said so far. */
  lines: number;
}

/** One line as members hear it. */
export interface Heard {
  /** Where it was said. */
  readonly room: AgentId;
  /** `number speaker: line` */
  readonly text: string;
}

export default defineAgent<ToRoom, string[][], RoomState>({
  async onMessage({ payload }, ctx) {
    if ("members" in payload) {
      ctx.state = { members: payload.members, lines: 0 };
      ctx.reply([]);
    } else if ("line" in payload) {
      const heard: Heard = { room: ctx.id, text: `${++ctx.state.lines} ${payload.speaker}: ${payload.line}` };
      await ctx.multicast(ctx.state.members, heard);
    } else {
      // This question stands behind every line that the room has sent: who answers it has heard them all.
      const asked = ctx.state.members.map((member) => ctx.ask<string[]>(member, { heardIn: ctx.id }));
      ctx.reply(await Promise.all(asked));
    }
  },
});
