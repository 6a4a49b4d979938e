/**
 * Where an agent works: a folder of its own, or a git worktree of its own, so that agents at the same repository do not write over each other.
 *
 * @module
 */
import { ConfigError } from "../base/errors.ts";
import { SpawnFailedError } from "../base/child_group.ts";
import type { RequestFolder } from "./request_folder.ts";

/** An agent's working directory. */
export interface Workspace {
  /** Absolute. */
  readonly path: string;
  /** Removes it when nothing was left in it. Says what became of it. */
  release(): Promise<"removed" | "kept">;
}

/** Makes working directories. */
export interface Workspaces {
  /** One for this request; one that a crash left behind is used again. Throws `SpawnFailedError`. */
  make(requestId: string): Promise<Workspace>;
}

/** An empty folder `work/ID` each. */
export class OwnFolders implements Workspaces {
  /** Under the swarm's folder. */
  constructor(private readonly folder: RequestFolder) {}

  /** See `Workspaces`. */
  // deno-lint-ignore require-await -- an interface that others need time for
  async make(requestId: string): Promise<Workspace> {
    const path = this.folder.path("work", requestId);
    Deno.mkdirSync(path, { recursive: true });
    return { path, release: () => removeIfEmpty(path) };
  }
}

async function removeIfEmpty(path: string): Promise<"removed" | "kept"> {
  try {
    await Deno.remove(path); // an empty folder only
    return "removed";
  } catch {
    return "kept"; // the agent left files in it: they are part of what it did
  }
}

/** A git worktree `work/ID` each, at the commit that the repository is at. */
export class OwnWorktrees implements Workspaces {
  private constructor(
    private readonly folder: RequestFolder,
    private readonly repository: string,
    /** Locked while worktrees come and go, by whichever coordinator: git fails when two are added at once. */
    private readonly lockPath: string,
  ) {}

  /** Throws `ConfigError` when there is no repository with a commit. */
  static async open(folder: RequestFolder, repository: string): Promise<OwnWorktrees> {
    const { ok, text } = await git(repository, "rev-parse", "--verify", "HEAD");
    if (!ok) throw new ConfigError("worktree", `${repository} is no git repository with a commit: ${text}`);
    const { text: own } = await git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir");
    const worktrees = new OwnWorktrees(folder, repository, `${own}/swarm-worktrees.lock`);
    await worktrees.#alone(() => git(repository, "worktree", "prune"));
    return worktrees;
  }

  /** See `Workspaces`. */
  async make(requestId: string): Promise<Workspace> {
    const path = this.folder.path("work", requestId);
    const there = await git(path, "rev-parse", "--show-toplevel");
    if (!there.ok || there.text !== path) {
      const { ok, text } = await this.#alone(() => git(this.repository, "worktree", "add", "--detach", path, "HEAD"));
      if (!ok) throw new SpawnFailedError("git worktree add", text);
    }
    // Git itself refuses to remove one that holds changes.
    const remove = (): Promise<GitOutcome> => git(this.repository, "worktree", "remove", path);
    return { path, release: async () => (await this.#alone(remove)).ok ? "removed" : "kept" };
  }

  async #alone(act: () => Promise<GitOutcome>): Promise<GitOutcome> {
    const lock = await Deno.open(this.lockPath, { create: true, write: true });
    try {
      await lock.lock(true);
      return await act();
    } finally {
      lock.close();
    }
  }
}

interface GitOutcome {
  readonly ok: boolean;
  readonly text: string;
}

async function git(cwd: string, ...args: readonly string[]): Promise<GitOutcome> {
  try {
    const command = new Deno.Command("git", { args: ["-C", cwd, ...args], stdin: "null", stdout: "piped", stderr: "piped" });
    const { success, stdout, stderr } = await command.output();
    return { ok: success, text: new TextDecoder().decode(success ? stdout : stderr).trim() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { ok: false, text: "git is not installed" };
    throw error;
  }
}
