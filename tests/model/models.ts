/**
 * All models, by kind.
 *
 * @module
 */
import { DOORBELL_MODELS } from "./doorbell_models.ts";
import { MESSAGE_QUEUE_MODELS } from "./message_queue_models.ts";
import type { Model } from "./model.ts";
import { RING_MODELS } from "./ring_models.ts";
import { SLOT_POOL_MODELS } from "./slot_pool_models.ts";
import { STORE_MODELS } from "./store_models.ts";

/** In the order in which they are explored. */
export const MODELS: readonly Model[] = [
  ...[...RING_MODELS, ...DOORBELL_MODELS, ...SLOT_POOL_MODELS, ...MESSAGE_QUEUE_MODELS, ...STORE_MODELS],
];
