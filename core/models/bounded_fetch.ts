/**
 * What the providers' libraries fetch with. They gather what comes until a line or the whole body is there, so a server that sends without end would take
 * all memory.
 *
 * @module
 */
import { MODEL_ANSWER_BYTES_MAX } from "../base/limits.ts";
import { ModelError } from "./model_errors.ts";

/** Bytes that are read of a refusal: enough to say why. */
export const REFUSAL_BYTES_MAX = 16_384;

/** `fetch`, with an end to each body: an answer that is longer fails, of a refusal the beginning is kept. */
export function boundedFetch(provider: string): typeof fetch {
  return async (...request) => {
    const response = await fetch(...request);
    if (response.body === null) return response;
    const { status, statusText, headers, ok } = response;
    const body = response.body.pipeThrough(ok ? untilTooLong(provider) : beginning());
    return new Response(body, { status, statusText, headers });
  };
}

type Bounds = TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>;

function untilTooLong(provider: string): Bounds {
  let bytes = 0;
  return new TransformStream({
    transform(piece, controller) {
      bytes += piece.length;
      if (bytes <= MODEL_ANSWER_BYTES_MAX) return controller.enqueue(piece);
      throw new ModelError("MODEL_ANSWER", provider, `it sent more than ${MODEL_ANSWER_BYTES_MAX} bytes`, { mayHaveCost: true });
    },
  });
}

function beginning(): Bounds {
  let left = REFUSAL_BYTES_MAX;
  return new TransformStream({
    transform(piece, controller) {
      controller.enqueue(piece.subarray(0, left));
      left -= Math.min(left, piece.length);
      if (left === 0) controller.terminate();
    },
  });
}
