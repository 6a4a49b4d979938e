/*
 * What the library exports. Every loop has a twin in core/memory/ that gives the same values; nothing here knows more than the TypeScript does.
 * Lengths are 32 bits: the caller cuts what is longer. Buffers may be shared memory that others write meanwhile: then the result is some value,
 * and never an access outside of the buffer.
 */
#ifndef STAGE3_KERNELS_H
#define STAGE3_KERNELS_H

#include <stdint.h>

#include "layout.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the arena is little-endian"
#endif

#define S3K_EXPORT __attribute__((visibility("default")))

/* Bits of s3k_features. */
#define S3K_FEATURE_CRC32C 1u /* the processor's own CRC32C instruction */
#define S3K_FEATURE_CORES 2u  /* threads can be bound to cores */
#define S3K_FEATURE_FUTEX 4u  /* threads of several processes can wait for a word that they share */

/* identity.c: asked before anything else; a library with other answers is refused. */
S3K_EXPORT uint32_t s3k_library_version(void);
S3K_EXPORT uint32_t s3k_layout_hash(void);
S3K_EXPORT uint32_t s3k_features(void);

/* crc32c.c: CRC32C; `seed` is the sum of what stands before, 0 for nothing. */
S3K_EXPORT uint32_t s3k_crc32c(const uint8_t *bytes, uint32_t length, uint32_t seed);
/* The same without the processor's instruction: what runs where there is none. */
S3K_EXPORT uint32_t s3k_crc32c_tables(const uint8_t *bytes, uint32_t length, uint32_t seed);
int s3k_has_crc32c(void);

/* hash.c: XXH32. */
S3K_EXPORT uint32_t s3k_hash(const uint8_t *bytes, uint32_t length, uint32_t seed);

/*
 * gather.c: copies `count` ranges of `source`, each two words (first byte, length), one behind the other to `target`, and writes the CRC32C of
 * each to `sums` (if `with_sums`). Returns the bytes copied, or S3K_OUT_OF_RANGE, having touched nothing, when a range lies outside of `source` or all
 * of them do not fit.
 */
#define S3K_OUT_OF_RANGE 0xffffffffu
S3K_EXPORT uint32_t s3k_gather(uint8_t *target, uint32_t target_length, const uint8_t *source, uint32_t source_length,
                               const uint32_t *ranges, uint32_t count, uint32_t *sums, uint32_t with_sums);

/* system.c: what only the operating system can do. Results below 0 are a negated errno. */
/* Milliseconds of the machine's monotonic clock: the same in all processes. */
S3K_EXPORT double s3k_monotonic_ms(void);
/* Sets cores[i] to 1 for each core that the calling thread may run on, else 0; returns how many. */
S3K_EXPORT int32_t s3k_get_cores(uint8_t *cores, uint32_t length);
/* Binds the calling thread, and threads that it starts later, to the cores whose byte is not 0. */
S3K_EXPORT int32_t s3k_set_cores(const uint8_t *cores, uint32_t length);
/* Sleeps while words[index] is `expected`, `timeout_ms` at most: 0 woken, 1 it was another value, 2 timed out. */
S3K_EXPORT int32_t s3k_futex_wait(uint32_t *words, uint32_t index, uint32_t expected, uint32_t timeout_ms);
/* Wakes at most `count` threads, of any process, that sleep on words[index]; returns how many. */
S3K_EXPORT int32_t s3k_futex_wake(uint32_t *words, uint32_t index, uint32_t count);

#endif
