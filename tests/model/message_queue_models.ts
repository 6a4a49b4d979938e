/**
 * Models of core/memory/message_queue.ts and of the repair in message_cells.ts. The ring has two words, so that laps and fullness are met at once,
 * and its cursors begin one lap before the position bits of a READY word come round. Cells are claimed before a run: claiming is the slot pool's.
 *
 * @module
 */
import { compareExchange, load, store } from "../../core/memory/atomics.ts";
import { type BusParts, CELL, cellField } from "../../core/memory/bus_layout.ts";
import { MessageCells, readyAt } from "../../core/memory/message_cells.ts";
import { MessageQueue, type QueuePlace } from "../../core/memory/message_queue.ts";
import type { SharedMemory } from "../../core/memory/shared_memory.ts";
import type { Model, Outcome } from "./model.ts";
import { moment, untilKilled } from "./turnstile_atomics.ts";

const HEAD = 16;
const TAIL = 32;
const RING = 48;
const START = 0x7ffff;
const PLACE: QueuePlace = { index: 3, cursors: [{ head: HEAD, tail: TAIL }], ring: RING, ringLog2: 1, capacity: 2 };
const PARTS: BusParts = {
  ...{ control: 4_096, counters: 0, queues: 0, subscriptions: 0, rings: 0, ringWords: 0 },
  ...{ cells: 8_192, cellCount: 6 },
};
/** A HELD word of a host, as message_cells.ts writes it. */
const heldBy = (host: number): number => 1 | ((host + 1) << 3);
const NOTHING = -1;

function at(cell: number, field: number): number {
  return cellField(PARTS, cell, field) >> 2;
}

/** Cell `n` is held by host `n % hosts` and carries the number 10 + n, twice. */
function reset(words: Int32Array, hosts: number, cells = 4): void {
  words[HEAD] = words[TAIL] = START;
  // The slot at which the cursors begin is the ring's second; the first is a lap further.
  words[RING] = ((START + 1) >>> 1 & 0x3fff) << 18;
  words[RING + 1] = (START >>> 1 & 0x3fff) << 18;
  for (let cell = 0; cell < cells; cell++) {
    words[at(cell, CELL.state)] = heldBy(cell % hosts);
    words[at(cell, CELL.origin)] = cell % hosts + 1;
    words[at(cell, CELL.id)] = 10 + cell;
  }
}

interface Handle {
  readonly cells: MessageCells;
  readonly queue: MessageQueue;
}

function handle(memory: SharedMemory, host: number): Handle {
  const cells = new MessageCells(memory, PARTS, host);
  return { cells, queue: new MessageQueue(memory, cells, PLACE) };
}

/** Writes the message as two words with a moment between, and publishes it. */
function push({ queue }: Pick<Handle, "queue">, { words }: SharedMemory, cell: number): boolean {
  moment();
  words[at(cell, CELL.id) + 1] = words[at(cell, CELL.id)];
  return queue.tryPush(cell, 0);
}

/** Takes a message and reads it; −1 when there is none, 99 when it is not whole. */
function pop({ queue }: Pick<Handle, "queue">, { words }: SharedMemory): number {
  const cell = queue.tryPop();
  if (cell < 0) return NOTHING;
  const first = words[at(cell, CELL.id)];
  return words[at(cell, CELL.id) + 1] === first ? first : 99;
}

const BAD: Outcome = { is: /.*/, verdict: "FORBIDDEN", why: "a message was lost, doubled, torn (99) or out of order" };

const twoProducers: Model = {
  name: "message queue: two producers",
  threads: ["a", "b"],
  orders: "every",
  reset: (words) => reset(words, 2),
  prepare(me, memory) {
    const mine = handle(memory, me);
    return () => [push(mine, memory, me) ? 1 : 0];
  },
  outcome(seen, words) {
    const cells = [0, 1].map((step) => words[RING + ((START + step) & 1)] & 0x3ffff).map((word) =>
      word >= 1 << 17 ? word - (1 << 17) : "empty"
    );
    return `pushed ${seen.flat().join(" ")}; ${cells.join(" ")}; tail ${words[TAIL] - START}`;
  },
  table: [
    { is: /pushed 1 1; (0 1|1 0); tail 2/, verdict: "ACCEPTABLE", why: "both, one behind the other" },
    BAD,
  ],
};

const handOver: Model = {
  ...twoProducers,
  name: "message queue: two messages to a consumer",
  orders: 5_000,
  threads: ["producer", "consumer"],
  reset: (words) => reset(words, 1),
  prepare(me, memory) {
    const mine = handle(memory, me);
    if (me === 0) return () => [push(mine, memory, 0), push(mine, memory, 1)].map(Number);
    return () => [pop(mine, memory), pop(mine, memory)];
  },
  outcome: ([, got]) => `got ${got.join(" ")}`,
  table: [
    { is: /got -1 -1/, verdict: "ACCEPTABLE", why: "the consumer came before the first message" },
    { is: /got (-1 10|10 -1)/, verdict: "ACCEPTABLE", why: "the consumer came between the two" },
    { is: /got 10 11/, verdict: "ACCEPTABLE", why: "both, in order" },
    BAD,
  ],
};

const twoConsumers: Model = {
  ...twoProducers,
  name: "message queue: two consumers, two messages",
  threads: ["a", "b"],
  prepare(me, memory) {
    const mine = handle(memory, me);
    // The explorer prepares thread 0 first, and its steps do not count yet.
    if (me === 0) { for (const cell of [0, 1]) push(mine, memory, cell); }
    return () => [pop(mine, memory)];
  },
  outcome: (seen) => `got ${seen.flat().join(" ")}`,
  table: [
    { is: /got (10 11|11 10)/, verdict: "ACCEPTABLE", why: "one each" },
    BAD,
  ],
};

const full: Model = {
  ...twoProducers,
  name: "message queue: full, while a consumer makes room",
  orders: 5_000,
  threads: ["producer", "consumer"],
  prepare(me, memory) {
    const mine = handle(memory, me);
    if (me === 0) { for (const cell of [0, 1]) push(mine, memory, cell); }
    if (me === 0) return () => [Number(push(mine, memory, 2))];
    return () => [pop(mine, memory), pop(mine, memory), pop(mine, memory)];
  },
  outcome: ([kept, got], words) => `kept ${kept}, got ${got.join(" ")}, state ${words[at(2, CELL.state)] & 3}`,
  table: [
    {
      is: /kept 0, got 10 11 -1, state 1/,
      verdict: "ACCEPTABLE",
      why: "the third message found the queue full and stayed with its producer",
    },
    {
      is: /kept 1, got 10 11 -1, state 2/,
      verdict: "ACCEPTABLE",
      why: "it came into the room of the first, after the consumer's last look",
    },
    { is: /kept 1, got 10 11 12, state 1/, verdict: "ACCEPTABLE", why: "it was consumed as well" },
    BAD,
  ],
};

/** Three threads, drawn: each sends two of its own messages and takes two of whosever. */
const crowd: Model = {
  ...twoProducers,
  name: "message queue: three threads send and take",
  threads: ["a", "b", "c"],
  orders: 4_000,
  reset: (words) => reset(words, 3, 6),
  prepare(me, memory) {
    const mine = handle(memory, me);
    return () => {
      const seen: number[] = [];
      for (const cell of [me, me + 3]) {
        seen.push(push(mine, memory, cell) ? cell : NOTHING, 100 + pop(mine, memory));
      }
      return seen;
    };
  },
  outcome(seen, words) {
    const sent = seen.flat().filter((one) => one >= 0 && one < 50).map((cell) => 10 + cell);
    const got = seen.flat().filter((one) => one > 100).map((one) => one - 100);
    const waiting = Array.from(
      { length: words[TAIL] - words[HEAD] | 0 },
      (_unused, step) => words[RING + ((words[HEAD] + step) & 1)] & 0x1ffff,
    );
    const all = [...got, ...waiting.map((cell) => 10 + cell)].sort((a, b) => a - b).join(" ");
    const ordered = seen.every((one) =>
      [0, 1, 2].every((from) => inOrder(one.filter((value) => value > 100 && (value - 110) % 3 === from)))
    );
    return `${all === sent.sort((a, b) => a - b).join(" ") ? "each once" : `sent ${sent}, got ${all}`}${ordered ? "" : ", out of order"}`;
  },
  table: [{ is: /each once/, verdict: "ACCEPTABLE", why: "what was accepted was taken once or waits" }, BAD],
};

function inOrder(values: number[]): boolean {
  return values.every((value, index) => index === 0 || values[index - 1] < value);
}

/** What a survivor finds of the dead, as message_bus.ts asks for it. */
function repair({ cells, queue }: Handle, dead: number): number[] {
  const found = cells.repair(dead, () => false, (cell, ready) => queue.names(0, ready >>> 13, cell));
  return [found.freed, found.taken.length];
}

/** Thread 0 dies somewhere in `part`; its own thread then plays the survivor with host 2's handle, while thread 1 works on. */
function dying(
  name: string,
  part: (mine: Handle, memory: SharedMemory) => void,
  other: (mine: Handle, memory: SharedMemory) => number[],
): Model {
  return {
    ...twoProducers,
    name,
    threads: ["dying", "other"],
    orders: 600,
    killThreadZeroAfter: [1, 2, 3, 4, 5, 6, 7, 8],
    prepare(me, memory) {
      const mine = handle(memory, me);
      if (me === 1) return () => other(mine, memory);
      const survivor = handle(memory, 2);
      return () => {
        const seen: number[] = [];
        untilKilled(() => part(mine, memory), () => seen.push(...repair(survivor, 0)));
        // Whoever comes after still finds a queue: one message in, and everything out.
        seen.push(Number(push(survivor, memory, 3)));
        for (let got = 0; got !== NOTHING;) seen.push(got = pop(survivor, memory));
        return seen;
      };
    },
    outcome: ([survivor, worker], words) =>
      `freed ${survivor[0]}, taken ${survivor[1]}, pushed ${survivor[2]}, got ${[...survivor.slice(3, -1), ...worker].join(" ")}, ` +
      `first cell ${words[at(0, CELL.state)] & 7}`,
    table: [],
  };
}

const producerDies: Model = {
  ...dying("message queue: a producer dies", (mine, memory) => push(mine, memory, 0), (mine, memory) => [Number(push(mine, memory, 1))]),
  reset: (words) => (reset(words, 2), words[at(3, CELL.state)] = heldBy(2)),
  table: [
    {
      is: /freed [12], taken 0, pushed 1, got (11 13 1|13 11 1|13 1|13 0), first cell 0/,
      verdict: "ACCEPTABLE",
      why: "not published: its cell is free again",
    },
    {
      is: /freed 1, taken 0, pushed [01], got (10 11( 13)? 1|11 10( 13)? 1|10 13( 11)? 1|10 1|10 13 0), first cell 5/,
      verdict: "ACCEPTABLE",
      why: "published: it came through (the other cell of the dead host was freed)",
    },
    {
      is: /freed 1, taken 0, pushed 0, got (10 11|11 10) 1, first cell 5/,
      verdict: "ACCEPTABLE",
      why: "published, and the queue was full for the survivor",
    },
    BAD,
  ],
};

const consumerDies: Model = {
  ...dying(
    "message queue: a consumer dies",
    (mine, memory) => void pop(mine, memory),
    (mine, memory) => [pop(mine, memory)],
  ),
  reset(words) {
    reset(words, 3);
    words[at(3, CELL.state)] = heldBy(2);
    // Published before the run: cells 0 and 1.
    for (const cell of [0, 1]) {
      const slot = RING + ((START + cell) & 1);
      words[slot] |= (1 << 17) | cell;
      words[at(cell, CELL.state)] = readyAt(3, 0, START + cell);
      words[at(cell, CELL.origin)] = 2;
      words[at(cell, CELL.id) + 1] = 10 + cell;
    }
    words[TAIL] = START + 2;
  },
  outcome([survivor, worker], words) {
    const [freed, taken, pushed, ...got] = [...survivor, ...worker];
    const came = got.filter((one) => one !== NOTHING);
    const inTheQueue = came.filter((one) => one < 13);
    const lost = 2 + pushed - taken - came.length;
    const ordered = inOrder(survivor.slice(3).filter((one) => one === 10 || one === 11));
    return `${freed} freed, ${taken} with the dead, ${lost} lost${new Set(came).size < came.length ? ", doubled" : ""}${
      ordered ? "" : ", out of order"
    }; ` +
      `first cell ${words[at(0, CELL.state)] & 7}, ${inTheQueue.length} of 2 came`;
  },
  table: [
    { is: /0 freed, 0 with the dead, 0 lost; first cell 5, 2 of 2 came/, verdict: "ACCEPTABLE", why: "it died before it took one" },
    {
      is: /0 freed, 1 with the dead, 0 lost; first cell 5, 1 of 2 came/,
      verdict: "ACCEPTABLE",
      why: "what it had taken is known, the rest came",
    },
    BAD,
  ],
};

/** A queue as Vyukov's: claim by the cursor, then publish. */
class CursorFirst extends MessageQueue {
  constructor(private readonly memory: SharedMemory, private readonly own: MessageCells) {
    super(memory, own, PLACE);
  }

  override tryPush(cell: number, _level: number): boolean {
    const { words } = this.memory;
    const tail = load(words, TAIL);
    if (compareExchange(words, TAIL, tail, tail + 1) !== tail) return false;
    this.own.offer(cell, readyAt(3, 0, tail));
    store(words, RING + (tail & 1), words[RING + (tail & 1)] | (1 << 17) | cell);
    return true;
  }
}

const cursorFirst: Model = {
  ...producerDies,
  name: "message queue: a producer that claims by the cursor dies",
  mutant: true,
  prepare(me, memory) {
    if (me === 1) return producerDies.prepare(1, memory);
    const cells = new MessageCells(memory, PARTS, 0);
    const mutant = { cells, queue: new CursorFirst(memory, cells) };
    const survivor = handle(memory, 2);
    return () => {
      const seen: number[] = [];
      untilKilled(() => push(mutant, memory, 0), () => seen.push(...repair(survivor, 0)));
      seen.push(Number(push(survivor, memory, 3)));
      for (let got = 0; got !== NOTHING;) seen.push(got = pop(survivor, memory));
      return seen;
    };
  },
};

/** Takes what the ring names without asking the cell's state. */
class TrustingQueue extends MessageQueue {
  constructor(private readonly memory: SharedMemory, own: MessageCells) {
    super(memory, own, PLACE);
  }

  override tryPop(): number {
    const { words } = this.memory;
    const head = load(words, HEAD);
    const word = load(words, RING + (head & 1));
    if ((word & (1 << 17)) === 0) return NOTHING;
    store(words, RING + (head & 1), (word & ~0x3ffff) + (1 << 18));
    compareExchange(words, HEAD, head, head + 1);
    return word & 0x1ffff;
  }
}

const trusting: Model = {
  ...twoConsumers,
  name: "message queue: consumers that do not ask the cell",
  mutant: true,
  prepare(me, memory) {
    const mine = handle(memory, me);
    if (me === 0) { for (const cell of [0, 1]) push(mine, memory, cell); }
    const queue = new TrustingQueue(memory, mine.cells);
    return () => [pop({ queue }, memory)];
  },
};

/** In the order in which they are explored. */
export const MESSAGE_QUEUE_MODELS: readonly Model[] = [
  ...[twoProducers, handOver, twoConsumers, full, crowd, producerDies, consumerDies, cursorFirst, trusting],
];
