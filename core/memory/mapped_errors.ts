/**
 * What can be wrong with a mapped file, each with what to do about it.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { decodeHeader, isSameLayoutVersion, MAPPED_FORMAT, type MappedHeader } from "./mapped_layout.ts";
import { LAYOUT_VERSION } from "./layout.ts";

/** What is in it does not fit into this kernel. */
export function tooSmall(path: string, bytesThere: number, bytesHere: number, refused: number): KernelError {
  return new KernelError(
    "PERSISTENCE_ROOM",
    `${refused} of the keys in ${path} find no room: it was written with a memoryStoreSize of ${bytesThere}, this one is ${bytesHere}. ` +
      "Give at least as much; nothing was changed.",
    { path, bytesThere, bytesHere, refused },
  );
}

/** The header of a mapped file. Throws when it has none that can be used here. */
export function headerOf(path: string, bytes: Uint8Array): { header: MappedHeader; copiesDamaged: number } {
  const reading = decodeHeader(bytes);
  switch (reading.kind) {
    case "foreign":
      throw new KernelError(
        "PERSISTENCE_FOREIGN",
        `${path} is no mapped file of this kernel. Give another path, the mode that it was made with, or move it away; nothing was changed.`,
        { path },
      );
    case "damaged":
      throw new KernelError(
        "PERSISTENCE_DAMAGED",
        `${path} cannot be read: both copies of its header are damaged, or it was cut off within them. Put a backup in its place, or move it away to start ` +
          "empty; nothing was changed.",
        { path },
      );
    case "newer":
      throw newer(path, reading.format, MAPPED_FORMAT);
    case "read":
      if (!isSameLayoutVersion(reading.header)) throw newer(path, reading.header.layoutVersion, LAYOUT_VERSION);
      return reading;
  }
}

function newer(path: string, version: number, here: number): KernelError {
  return new KernelError(
    "PERSISTENCE_VERSION",
    `${path} was written in version ${version}, and this program reads version ${here}. Use the program that wrote it; nothing was changed.`,
    { path, version, versionHere: here },
  );
}
