/* What only the operating system can do. Where it cannot, -ENOSYS. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <time.h>

#include "kernels.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

double s3k_monotonic_ms(void) {
#if defined(__APPLE__)
  return (double)clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1e6;
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
#endif
}

#if defined(__linux__)

int32_t s3k_get_cores(uint8_t *cores, uint32_t length) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return -errno;
  int32_t count = 0;
  for (uint32_t core = 0; core < length; core++) {
    cores[core] = core < CPU_SETSIZE && CPU_ISSET(core, &set);
    count += cores[core];
  }
  return count;
}

int32_t s3k_set_cores(const uint8_t *cores, uint32_t length) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (uint32_t core = 0; core < length && core < CPU_SETSIZE; core++) {
    if (cores[core] != 0) CPU_SET(core, &set);
  }
  return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

int32_t s3k_futex_wait(uint32_t *words, uint32_t index, uint32_t expected, uint32_t timeout_ms) {
  const struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
  /* Not FUTEX_PRIVATE_FLAG: the waker may be another process. */
  if (syscall(SYS_futex, words + index, FUTEX_WAIT, expected, &timeout, NULL, 0) == 0) return 0;
  if (errno == EAGAIN) return 1;
  if (errno == ETIMEDOUT) return 2;
  return errno == EINTR ? 0 : -errno;
}

int32_t s3k_futex_wake(uint32_t *words, uint32_t index, uint32_t count) {
  const long woken = syscall(SYS_futex, words + index, FUTEX_WAKE, count, NULL, NULL, 0);
  return woken < 0 ? -errno : (int32_t)woken;
}

#else

int32_t s3k_get_cores(uint8_t *cores, uint32_t length) {
  (void)cores, (void)length;
  return -ENOSYS;
}

int32_t s3k_set_cores(const uint8_t *cores, uint32_t length) {
  (void)cores, (void)length;
  return -ENOSYS;
}

int32_t s3k_futex_wait(uint32_t *words, uint32_t index, uint32_t expected, uint32_t timeout_ms) {
  (void)words, (void)index, (void)expected, (void)timeout_ms;
  return -ENOSYS;
}

int32_t s3k_futex_wake(uint32_t *words, uint32_t index, uint32_t count) {
  (void)words, (void)index, (void)count;
  return -ENOSYS;
}

#endif
