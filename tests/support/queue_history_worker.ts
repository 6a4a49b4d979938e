/** Entry of a thread that records what it does with a named queue. */
import { recordQueue } from "./queue_history.ts";

recordQueue();
