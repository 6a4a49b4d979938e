/* Many ranges into one: a batch of blocks or frames costs one call, and its checksums no second look at the memory. */
#include <string.h>

#include "kernels.h"

uint32_t s3k_gather(uint8_t *target, uint32_t target_length, const uint8_t *source, uint32_t source_length, const uint32_t *ranges,
                    uint32_t count, uint32_t *sums, uint32_t with_sums) {
  uint64_t total = 0;
  for (uint32_t range = 0; range < count; range++) {
    const uint32_t from = ranges[2 * range], length = ranges[2 * range + 1];
    if (from > source_length || length > source_length - from) return S3K_OUT_OF_RANGE;
    total += length;
  }
  if (total > target_length) return S3K_OUT_OF_RANGE;
  for (uint32_t range = 0; range < count; range++) {
    const uint32_t length = ranges[2 * range + 1];
    if (length > 0) memcpy(target, source + ranges[2 * range], length);
    /* Of the copy: the source may be written meanwhile, and the sum must be that of what was copied. */
    if (with_sums) sums[range] = s3k_crc32c(target, length, 0);
    target += length;
  }
  return (uint32_t)total;
}
