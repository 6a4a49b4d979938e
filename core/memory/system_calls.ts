/**
 * Calls of the operating system that the runtime does not offer, by the library.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { HANG_TIMEOUT_MS } from "../base/limits.ts";
import type { CoreCalls, FutexCalls, SystemCalls } from "./kernels.ts";
import { FEATURE, type SystemSymbols } from "./kernels_native.ts";

/** Cores that a set of the system's own size can name. */
const CORES_MAX = 1_024;
const COUNT_MAX = 2 ** 31 - 1;
const OUTCOMES = ["ok", "not-equal", "timed-out"] as const;

/** The calls that there are on this system. */
export function systemCalls(symbols: SystemSymbols, features: number): SystemCalls {
  return {
    monotonicMs: () => symbols.s3k_monotonic_ms(),
    cores: features & FEATURE.cores ? coreCalls(symbols) : null,
    futex: features & FEATURE.futex ? futexCalls(symbols) : null,
  };
}

function coreCalls({ s3k_get_cores, s3k_set_cores }: SystemSymbols): CoreCalls {
  return {
    get() {
      const cores = new Uint8Array(CORES_MAX);
      const count = s3k_get_cores(cores, CORES_MAX);
      if (count < 0) throw new KernelError("CORES_REFUSED", `the system does not say which cores there are (error ${-count}).`);
      return [...cores.keys()].filter((core) => cores[core] === 1);
    },
    set(wanted) {
      const cores = new Uint8Array(CORES_MAX);
      for (const core of wanted) {
        if (!(Number.isInteger(core) && core >= 0 && core < CORES_MAX)) {
          throw new InvalidArgumentError("cores", core, `give numbers from 0 to ${CORES_MAX - 1}.`);
        }
        cores[core] = 1;
      }
      const errno = -s3k_set_cores(cores, CORES_MAX);
      if (errno === 0) return;
      const named = wanted.length === 0 ? "no core was named" : `the thread may run on none of the cores ${wanted.join(", ")}`;
      throw new KernelError("CORES_REFUSED", `${named}; get() says on which it may.`, { cores: wanted, errno });
    },
  };
}

function futexCalls({ s3k_futex_wait, s3k_futex_wake }: SystemSymbols): FutexCalls {
  return {
    wait(words, index, expected, timeoutMs) {
      checkIndex(words, index);
      if (!(timeoutMs >= 0 && timeoutMs <= HANG_TIMEOUT_MS)) {
        const remedy = `give one from 0 to ${HANG_TIMEOUT_MS}: a thread that waits longer counts as hanging, and none can be ended.`;
        throw new InvalidArgumentError("timeoutMs", timeoutMs, remedy);
      }
      return OUTCOMES[allowed(s3k_futex_wait(words as Int32Array<ArrayBuffer>, index, expected >>> 0, Math.ceil(timeoutMs)))];
    },
    wake(words, index, count) {
      checkIndex(words, index);
      return allowed(s3k_futex_wake(words as Int32Array<ArrayBuffer>, index, Math.max(0, Math.min(count, COUNT_MAX))));
    },
  };
}

function checkIndex(words: Int32Array<ArrayBufferLike>, index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < words.length) return;
  throw new InvalidArgumentError("index", index, `give one from 0 to ${words.length - 1}.`);
}

function allowed(result: number): number {
  if (result < 0) throw new KernelError("FUTEX_REFUSED", `the system does not wait for that word (error ${-result}).`, { errno: -result });
  return result;
}
