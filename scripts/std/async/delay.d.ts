/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the delay early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether the pending delay holds the process open; true by default. */
  persistent?: boolean;
}
/** Resolves after `ms` milliseconds. */
export declare function delay(ms: number, options?: DelayOptions): Promise<void>;
