/* Many ranges into one: a batch of blocks or frames costs one call, and its checksums no second look at the memory. */
#include <string.h>

#include "kernels.h"

/* Read once: the list may lie in shared memory, and what was checked must be what is used. */
static uint32_t once(const uint32_t *word) { return *(const volatile uint32_t *)word; }

uint32_t s3k_gather(uint8_t *target, uint32_t target_length, const uint8_t *source, uint32_t source_length, const uint32_t *ranges,
                    uint32_t count, uint32_t *sums, uint32_t with_sums) {
  uint64_t total = 0;
  for (uint32_t range = 0; range < count; range++) {
    const uint32_t from = once(ranges + 2 * range), length = once(ranges + 2 * range + 1);
    if (from > source_length || length > source_length - from) return S3K_OUT_OF_RANGE;
    total += length;
  }
  if (total > target_length) return S3K_OUT_OF_RANGE;
  uint32_t at = 0;
  for (uint32_t range = 0; range < count; range++) {
    const uint32_t from = once(ranges + 2 * range), length = once(ranges + 2 * range + 1);
    if (from > source_length || length > source_length - from || length > target_length - at) return S3K_OUT_OF_RANGE;
    if (length > 0) memcpy(target + at, source + from, length);
    /* Of the copy: the source may be written meanwhile, and the sum must be that of what was copied. */
    if (with_sums) sums[range] = s3k_crc32c(target + at, length, 0);
    at += length;
  }
  return at;
}
