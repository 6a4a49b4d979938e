/**
 * The layout's constants by name, as the C header (native/layout.h) has them, and one number over all of them: a library that was built for other offsets
 * tells so by it, and is refused.
 *
 * @module
 */
import { crc32c } from "./crc32c.ts";
import {
  AGENT_SLOT,
  CACHE_LINE_BYTES,
  FRAME_BYTES_MAX,
  HEADER,
  HOST,
  HOSTS_MAX,
  LAYOUT_MAGIC,
  LAYOUT_VERSION,
  METRICS_BLOCK_BYTES,
  SHAPE_TABLE,
  SLAB_BYTES,
} from "./layout.ts";

/** Single numbers. */
export const LAYOUT_CONSTANTS: Readonly<Record<string, number>> = {
  layoutMagic: LAYOUT_MAGIC,
  layoutVersion: LAYOUT_VERSION,
  cacheLineBytes: CACHE_LINE_BYTES,
  hostsMax: HOSTS_MAX,
  frameBytesMax: FRAME_BYTES_MAX,
  slabBytes: SLAB_BYTES,
  metricsBlockBytes: METRICS_BLOCK_BYTES,
};

/** Blocks of fields, in bytes from the block's start. */
export const LAYOUT_BLOCKS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  header: HEADER,
  host: HOST,
  agentSlot: AGENT_SLOT,
  shapeTable: SHAPE_TABLE,
};

/** Changes with every name and number of the table. */
export function layoutHash(): number {
  return crc32c(new TextEncoder().encode(JSON.stringify([LAYOUT_CONSTANTS, LAYOUT_BLOCKS])));
}
