/*
 * Runs every function over buffers of exactly the length that it is told, at every alignment, so that AddressSanitizer sees each byte read or written
 * beyond them. Built and run by tests/memory/native_sanitizers_test.ts; ends with 0 and one line, or with what is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels.h"

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

static unsigned checks;

static uint32_t next_random(void) {
  static uint32_t state = 1;
  return state = state * 1664525u + 1013904223u;
}

/* Bit by bit, as the definition has it. */
static uint32_t crc32c_bits(const uint8_t *bytes, uint32_t length, uint32_t seed) {
  uint32_t sum = ~seed;
  for (uint32_t at = 0; at < length; at++) {
    sum ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) sum = sum & 1u ? sum >> 1 ^ 0x82f63b78u : sum >> 1;
  }
  return ~sum;
}

/* A buffer that ends where the allocation ends, `shift` bytes off its alignment. */
static uint8_t *exact(uint32_t length, uint32_t shift, uint8_t **allocation) {
  *allocation = malloc(length + shift);
  if (length + shift > 0) CHECK(*allocation != NULL);
  for (uint32_t at = 0; at < length + shift; at++) (*allocation)[at] = (uint8_t)(next_random() >> 24);
  return *allocation + shift;
}

static void sums_at(uint32_t length, uint32_t shift) {
  uint8_t *allocation;
  uint8_t *bytes = exact(length, shift, &allocation);
  const uint32_t seed = next_random();
  const uint32_t sum = crc32c_bits(bytes, length, seed);
  CHECK(s3k_crc32c(bytes, length, seed) == sum);
  CHECK(s3k_crc32c_tables(bytes, length, seed) == sum);
  const uint32_t half = length / 2;
  CHECK(s3k_crc32c(bytes + half, length - half, s3k_crc32c(bytes, half, seed)) == sum);
  /* The hash of a copy at another alignment is the same. */
  uint8_t *other_allocation;
  uint8_t *other = exact(length, (shift + 3) % 8, &other_allocation);
  if (length > 0) memcpy(other, bytes, length);
  CHECK(s3k_hash(bytes, length, seed) == s3k_hash(other, length, seed));
  free(other_allocation);
  free(allocation);
  checks += 4;
}

static void known_sums(void) {
  const uint8_t *digits = (const uint8_t *)"123456789";
  CHECK(s3k_crc32c(digits, 9, 0) == 0xe3069283u);
  CHECK(s3k_crc32c_tables(digits, 9, 0) == 0xe3069283u);
  CHECK(s3k_hash((const uint8_t *)"abc", 3, 0) == 0x32d153ffu);
  CHECK(s3k_hash((const uint8_t *)"Nobody inspects the spammish repetition", 39, 0) == 0xe2293b2fu);
  checks += 4;
}

static void gathers(void) {
  enum { RANGES = 50 };
  for (int round = 0; round < 200; round++) {
    const uint32_t count = next_random() % RANGES, source_length = next_random() % 2000;
    uint8_t *source_allocation, *target_allocation;
    uint8_t *source = exact(source_length, next_random() % 8, &source_allocation);
    uint32_t *ranges = malloc((2 * count + 1) * sizeof *ranges), *sums = malloc((count + 1) * sizeof *sums);
    uint32_t total = 0;
    for (uint32_t range = 0; range < count; range++) {
      ranges[2 * range] = next_random() % (source_length + 1);
      ranges[2 * range + 1] = next_random() % (source_length - ranges[2 * range] + 1);
      total += ranges[2 * range + 1];
    }
    uint8_t *target = exact(total, next_random() % 8, &target_allocation);
    CHECK(s3k_gather(target, total, source, source_length, ranges, count, sums, 1) == total);
    for (uint32_t range = 0, at = 0; range < count; at += ranges[2 * range + 1], range++) {
      const uint32_t length = ranges[2 * range + 1];
      CHECK(length == 0 || memcmp(target + at, source + ranges[2 * range], length) == 0);
      CHECK(sums[range] == crc32c_bits(source + ranges[2 * range], length, 0));
    }
    CHECK(s3k_gather(target, total, source, source_length, ranges, count, NULL, 0) == total);
    if (total > 0) CHECK(s3k_gather(target, total - 1, source, source_length, ranges, count, sums, 1) == S3K_OUT_OF_RANGE);
    if (count > 0) {
      ranges[0] = source_length + 1, ranges[1] = 0;
      CHECK(s3k_gather(target, total, source, source_length, ranges, count, sums, 1) == S3K_OUT_OF_RANGE);
      ranges[0] = source_length, ranges[1] = 0xffffffffu;
      CHECK(s3k_gather(target, total, source, source_length, ranges, count, sums, 1) == S3K_OUT_OF_RANGE);
    }
    free(target_allocation), free(source_allocation), free(ranges), free(sums);
    checks += 5;
  }
}

static void system_calls(void) {
  const double before = s3k_monotonic_ms();
  CHECK(before > 0 && s3k_monotonic_ms() >= before);
  const uint32_t features = s3k_features();
  uint8_t few[3], cores[1024];
  uint32_t word = 7;
  if (features & S3K_FEATURE_CORES) {
    const int32_t count = s3k_get_cores(cores, sizeof cores);
    CHECK(count > 0 && s3k_get_cores(few, sizeof few) >= 0);
    CHECK(s3k_set_cores(cores, sizeof cores) == 0);
    memset(few, 0, sizeof few);
    CHECK(s3k_set_cores(few, sizeof few) < 0);
    CHECK(s3k_set_cores(few, 0) < 0);
  } else {
    CHECK(s3k_get_cores(cores, sizeof cores) < 0 && s3k_set_cores(cores, sizeof cores) < 0);
  }
  if (features & S3K_FEATURE_FUTEX) {
    CHECK(s3k_futex_wait(&word, 0, 8, 1000) == 1);
    CHECK(s3k_futex_wait(&word, 0, 7, 1) == 2);
    CHECK(s3k_futex_wake(&word, 0, 1) == 0);
  } else {
    CHECK(s3k_futex_wait(&word, 0, 8, 1) < 0 && s3k_futex_wake(&word, 0, 1) < 0);
  }
  checks += 9;
}

int main(void) {
  CHECK(s3k_library_version() == S3K_LIBRARY_VERSION && s3k_layout_hash() == S3K_LAYOUT_HASH);
  known_sums();
  for (uint32_t shift = 0; shift < 8; shift++) {
    for (uint32_t length = 0; length < 820; length++) sums_at(length, shift);
    for (uint32_t length = 12288 - 9; length < 12288 + 9; length++) sums_at(length, shift);
    sums_at(30000 + shift, shift);
  }
  gathers();
  system_calls();
  printf("%u checks, crc32c by %s\n", checks, s3k_has_crc32c() ? "the processor" : "tables");
  return 0;
}
