/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}
/** Settles as `promise` does, or rejects with a `TimeoutError` after `ms` milliseconds. */
export declare function deadline<T>(promise: Promise<T>, ms: number, options?: DeadlineOptions): Promise<T>;
