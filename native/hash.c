/*
 * The hash of keys: XXH32 (Yann Collet), whose four sums keep one multiplier busy and no vector unit. From LONG_BYTES on, 32 sums run side by side by the
 * same round, and XXH32 is taken of those sums and of what is left: several times the speed here, and about the same in TypeScript.
 */
#include <string.h>

#include "kernels.h"

#define PRIME_1 0x9e3779b1u
#define PRIME_2 0x85ebca77u
#define PRIME_3 0xc2b2ae3du
#define PRIME_4 0x27d4eb2fu
#define PRIME_5 0x165667b1u
#define LANES 32u
#define STRIPE_BYTES (4 * LANES)
#define LONG_BYTES 512u

static inline uint32_t turn(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static inline uint32_t word_at(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static inline uint32_t round_of(uint32_t sum, uint32_t word) { return turn(sum + word * PRIME_2, 13) * PRIME_1; }

static uint32_t finish(uint32_t sum, const uint8_t *bytes, uint32_t length) {
  for (; length >= 4; bytes += 4, length -= 4) sum = turn(sum + word_at(bytes) * PRIME_3, 17) * PRIME_4;
  for (; length > 0; bytes++, length--) sum = turn(sum + *bytes * PRIME_5, 11) * PRIME_1;
  sum = (sum ^ sum >> 15) * PRIME_2;
  sum = (sum ^ sum >> 13) * PRIME_3;
  return sum ^ sum >> 16;
}

static uint32_t four_sums(const uint8_t *bytes, uint32_t length, uint32_t seed) {
  uint32_t a = seed + PRIME_1 + PRIME_2, b = seed + PRIME_2, c = seed, d = seed - PRIME_1;
  for (; length >= 16; bytes += 16, length -= 16) {
    a = round_of(a, word_at(bytes));
    b = round_of(b, word_at(bytes + 4));
    c = round_of(c, word_at(bytes + 8));
    d = round_of(d, word_at(bytes + 12));
  }
  return turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18);
}

/* Vectors of eight lanes: the compiler makes of them whatever the target has. */
typedef uint32_t eight __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) void round_of_eight(eight *sums, const uint8_t *bytes) {
  eight words;
  memcpy(&words, bytes, sizeof words);
  words = *sums + words * PRIME_2;
  *sums = (words << 13 | words >> 19) * PRIME_1;
}

static inline __attribute__((always_inline)) void stripes(uint32_t *sums, const uint8_t *bytes, uint32_t count) {
  eight a, b, c, d;
  memcpy(&a, sums, 32), memcpy(&b, sums + 8, 32), memcpy(&c, sums + 16, 32), memcpy(&d, sums + 24, 32);
  for (; count > 0; bytes += STRIPE_BYTES, count--) {
    round_of_eight(&a, bytes);
    round_of_eight(&b, bytes + 32);
    round_of_eight(&c, bytes + 64);
    round_of_eight(&d, bytes + 96);
  }
  memcpy(sums, &a, 32), memcpy(sums + 8, &b, 32), memcpy(sums + 16, &c, 32), memcpy(sums + 24, &d, 32);
}

static void stripes_plain(uint32_t *sums, const uint8_t *bytes, uint32_t count) { stripes(sums, bytes, count); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void stripes_avx2(uint32_t *sums, const uint8_t *bytes, uint32_t count) {
  stripes(sums, bytes, count);
}
#endif

static void (*stripes_chosen)(uint32_t *sums, const uint8_t *bytes, uint32_t count) = stripes_plain;

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) stripes_chosen = stripes_avx2;
#endif
}

uint32_t s3k_hash(const uint8_t *bytes, uint32_t length, uint32_t seed) {
  const uint32_t left = length & 15;
  if (length < 16) return finish(seed + PRIME_5 + length, bytes, length);
  if (length < LONG_BYTES) return finish(four_sums(bytes, length, seed) + length, bytes + length - left, left);
  uint32_t sums[LANES];
  for (uint32_t lane = 0; lane < LANES; lane++) sums[lane] = seed + lane * PRIME_3;
  const uint32_t count = length / STRIPE_BYTES, rest = length % STRIPE_BYTES;
  stripes_chosen(sums, bytes, count);
  return finish(four_sums((const uint8_t *)sums, sizeof sums, seed) + length, bytes + count * STRIPE_BYTES, rest);
}
