/**
 * Requests that agents make: how many generations deep, and how many in all, one request may lead to. The count is files that can be made only once, so
 * it holds across coordinators and crashes. A request whose parent is not known stands in the first generation under that name: leaving the parent out is
 * the only way around the bound of a tree, and then it is a request like those of people.
 *
 * @module
 */
import { z } from "zod";
import { id, RequestRejectedError } from "./agent_request.ts";
import type { AgentRequest } from "./agent_request.ts";
import type { ProcessSettings } from "./process_settings.ts";
import type { RequestFolder } from "./request_folder.ts";

/** Where a request stands. */
export interface Lineage {
  /** The first request of its tree; itself when nobody asked for it. */
  readonly rootRequestId: string;
  /** 0 for the first. */
  readonly depth: number;
}

/** Finds a request's place and counts it. Throws `RequestRejectedError` when it is one too deep or one too many. */
export async function enroll(
  folder: RequestFolder,
  { requestId, parentRequestId }: AgentRequest,
  settings: ProcessSettings,
): Promise<Lineage> {
  if (parentRequestId === undefined) return { rootRequestId: requestId, depth: 0 };
  const known = await read(folder, requestId);
  if (known !== null) return known; // counted before a crash
  const parent = await read(folder, parentRequestId) ?? { rootRequestId: parentRequestId, depth: 0 };
  const lineage: Lineage = { rootRequestId: parent.rootRequestId, depth: parent.depth + 1 };
  const { requestDepthMax, requestsPerTreeMax } = settings;
  if (lineage.depth > requestDepthMax) {
    throw new RequestRejectedError("parentRequestId", `it would be generation ${lineage.depth}; requestDepthMax is ${requestDepthMax}.`);
  }
  if (!await count(folder, lineage.rootRequestId, requestsPerTreeMax)) {
    throw new RequestRejectedError(
      "parentRequestId",
      `${lineage.rootRequestId} has led to requestsPerTreeMax requests, ${requestsPerTreeMax}.`,
    );
  }
  await Deno.writeTextFile(folder.path("lineage", `${requestId}.json`), JSON.stringify(lineage));
  return lineage;
}

const schema = z.object({ rootRequestId: id, depth: z.int().min(0) });

/** Null when there is none, or none that can be read: a crash may have cut it short, an agent may have written over it. */
async function read(folder: RequestFolder, requestId: string): Promise<Lineage | null> {
  try {
    return schema.parse(JSON.parse(await Deno.readTextFile(folder.path("lineage", `${requestId}.json`))));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

/** Takes one of the tree's numbers; false when all are taken. No id holds a `~`. */
async function count(folder: RequestFolder, root: string, most: number): Promise<boolean> {
  for (let n = 0; n < most; n++) {
    try {
      (await Deno.open(folder.path("lineage", `${root}~${n}`), { write: true, createNew: true })).close();
      return true;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  return false;
}
