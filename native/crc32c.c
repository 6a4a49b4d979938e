/*
 * CRC32C. The processor's instruction takes three cycles and one may begin each cycle, so three lanes of the same length run side by side; a lane's
 * sum is then moved over the lanes behind it by tables, for a sum followed by n zeros depends on the sum alone (Adler, crc32c.c; Gopal et al., Intel
 * 2011). Tables are made when the library is loaded, before any thread can ask.
 */
#include <string.h>

#include "kernels.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAS_LANES 1
#define LANE_TARGET __attribute__((target("sse4.2")))
/* The instruction keeps 64 bits with the upper half 0: cutting them off after each step would cost as much as the step. */
typedef uint64_t running;
#define STEP_8(sum, word) _mm_crc32_u64(sum, word)
#define STEP_1(sum, byte) _mm_crc32_u8((uint32_t)(sum), byte)
#elif defined(__aarch64__)
#define HAS_LANES 1
#define LANE_TARGET
/* By the assembler's names: the compilers' own functions are there only for targets that surely have the instruction. */
typedef uint32_t running;
static inline running STEP_8(running sum, uint64_t word) {
  __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(sum) : "r"(word));
  return sum;
}
static inline running STEP_1(running sum, uint8_t byte) {
  __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(sum) : "r"((uint32_t)byte));
  return sum;
}
#if defined(__linux__)
#include <sys/auxv.h>
#define HWCAP_CRC32_BIT (1ul << 7)
#endif
#endif

#define POLYNOMIAL_REVERSED 0x82f63b78u
/* Bytes of a lane: the long one makes moving sums rare, the short one begins to pay at a kilobyte. */
#define LONG_LANE 4096u
#define SHORT_LANE 256u

static uint32_t slices[8][256];
static uint32_t over_long[4][256];
static uint32_t over_short[4][256];
static int has_instruction;

static uint64_t word_at(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

/* What `sum` becomes by an operation that is linear: what its bits become, put together. */
static uint32_t applied(const uint32_t of_bit[32], uint32_t sum) {
  uint32_t result = 0;
  for (uint32_t bit = 0; sum != 0; bit++, sum >>= 1) result ^= sum & 1u ? of_bit[bit] : 0;
  return result;
}

/* What a sum becomes when `length` zeros follow, a power of two: doubled from one zero on, and then by bytes. */
static void make_over(uint32_t over[4][256], uint32_t length) {
  uint32_t of_bit[32], twice[32];
  for (uint32_t bit = 0; bit < 32; bit++) of_bit[bit] = slices[0][1u << bit & 0xff] ^ (1u << bit) >> 8;
  for (; length > 1; length >>= 1) {
    for (uint32_t bit = 0; bit < 32; bit++) twice[bit] = applied(of_bit, of_bit[bit]);
    memcpy(of_bit, twice, sizeof of_bit);
  }
  for (uint32_t byte = 0; byte < 4; byte++) {
    for (uint32_t value = 0; value < 256; value++) over[byte][value] = applied(of_bit, value << 8 * byte);
  }
}

static int detect(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") != 0;
#elif defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32_BIT) != 0;
#elif defined(__aarch64__) && defined(__APPLE__)
  return 1; /* every one of them has it */
#else
  return 0;
#endif
}

__attribute__((constructor)) static void prepare(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; bit++) sum = sum & 1u ? sum >> 1 ^ POLYNOMIAL_REVERSED : sum >> 1;
    slices[0][byte] = sum;
  }
  for (int slice = 1; slice < 8; slice++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t sum = slices[slice - 1][byte];
      slices[slice][byte] = slices[0][sum & 0xff] ^ sum >> 8;
    }
  }
  has_instruction = detect();
  if (!has_instruction) return;
  make_over(over_long, LONG_LANE);
  make_over(over_short, SHORT_LANE);
}

int s3k_has_crc32c(void) { return has_instruction; }

uint32_t s3k_crc32c_tables(const uint8_t *bytes, uint32_t length, uint32_t seed) {
  uint32_t sum = ~seed;
  for (; length >= 8; bytes += 8, length -= 8) {
    uint64_t word = word_at(bytes) ^ sum;
    sum = slices[7][word & 0xff] ^ slices[6][word >> 8 & 0xff] ^ slices[5][word >> 16 & 0xff] ^ slices[4][word >> 24 & 0xff] ^
          slices[3][word >> 32 & 0xff] ^ slices[2][word >> 40 & 0xff] ^ slices[1][word >> 48 & 0xff] ^ slices[0][word >> 56];
  }
  for (; length > 0; bytes++, length--) sum = slices[0][(sum ^ *bytes) & 0xff] ^ sum >> 8;
  return ~sum;
}

#if defined(HAS_LANES)
static running moved(uint32_t over[4][256], running sum) {
  return over[0][sum & 0xff] ^ over[1][sum >> 8 & 0xff] ^ over[2][sum >> 16 & 0xff] ^ over[3][sum >> 24 & 0xff];
}

/* Three lanes behind one another, as often as they fit. */
LANE_TARGET static inline running lanes(const uint8_t **bytes, uint32_t *length, running sum, uint32_t lane, uint32_t over[4][256]) {
  const uint8_t *at = *bytes;
  uint32_t left = *length;
  for (; left >= 3 * lane; at += 3 * lane, left -= 3 * lane) {
    running second = 0, third = 0;
#if defined(__clang__)
#pragma clang loop unroll_count(4)
#else
#pragma GCC unroll 4
#endif
    for (const uint8_t *end = at + lane, *step = at; step < end; step += 8) {
      sum = STEP_8(sum, word_at(step));
      second = STEP_8(second, word_at(step + lane));
      third = STEP_8(third, word_at(step + 2 * lane));
    }
    sum = moved(over, moved(over, sum) ^ second) ^ third;
  }
  *bytes = at;
  *length = left;
  return sum;
}

LANE_TARGET static uint32_t by_instruction(const uint8_t *bytes, uint32_t length, uint32_t seed) {
  running sum = ~seed;
  sum = lanes(&bytes, &length, sum, LONG_LANE, over_long);
  sum = lanes(&bytes, &length, sum, SHORT_LANE, over_short);
  for (; length >= 8; bytes += 8, length -= 8) sum = STEP_8(sum, word_at(bytes));
  for (; length > 0; bytes++, length--) sum = STEP_1(sum, *bytes);
  return ~(uint32_t)sum;
}
#endif

uint32_t s3k_crc32c(const uint8_t *bytes, uint32_t length, uint32_t seed) {
#if defined(HAS_LANES)
  if (has_instruction) return by_instruction(bytes, length, seed);
#endif
  return s3k_crc32c_tables(bytes, length, seed);
}
