/* Who this library is: asked before anything else is called. */
#include "kernels.h"

uint32_t s3k_library_version(void) { return S3K_LIBRARY_VERSION; }

uint32_t s3k_layout_hash(void) { return S3K_LAYOUT_HASH; }

uint32_t s3k_features(void) {
  uint32_t features = s3k_has_crc32c() ? S3K_FEATURE_CRC32C : 0;
#if defined(__linux__)
  features |= S3K_FEATURE_CORES | S3K_FEATURE_FUTEX;
#endif
  return features;
}
