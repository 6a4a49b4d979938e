/** Entry of a thread that records what it does with a store. */
import { recordStore } from "./store_history.ts";

recordStore();
