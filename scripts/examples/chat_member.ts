/** A member: says its lines in rooms, one after the other, and keeps what it hears. */
import { type AgentId, defineAgent } from "@stage3/kernel/agent";
import type { Heard, ToRoom } from "./chat_room.ts";

/** Says where to talk; or is a line that was heard; or asks for all that was heard in a room. */
export type ToMember = { talkIn: AgentId[]; lines: string[] } | Heard | { heardIn: AgentId };

/** What a member remembers. */
export interface MemberState {
  /** Given at the spawn. */
  name: string;
  /** Lines by room. */
  heard: Map<AgentId, string[]>;
}

export default defineAgent<ToMember, string[], MemberState>({
  async onMessage({ payload }, ctx) {
    const { name, heard } = ctx.state;
    if ("text" in payload) {
      heard.set(payload.room, [...heard.get(payload.room) ?? [], payload.text]);
    } else if ("heardIn" in payload) {
      ctx.reply(heard.get(payload.heardIn) ?? []);
    } else {
      for (const line of payload.lines) {
        const said: ToRoom = { speaker: name, line };
        // Acknowledged: the next line is said when the room has passed this one on.
        for (const room of payload.talkIn) await ctx.send(room, said, { ack: true });
      }
      ctx.reply([]);
    }
  },
});
