/* Proofs of a claim code (docs/claim.md, part 3): HMAC-SHA-256 by what TLS uses, and HKDF (RFC 5869) by that. */
#include "internal.h"
#include <string.h>
#include "CLinux.h"
#include "mbedtls/constant_time.h"
#include "mbedtls/platform_util.h"
#include "psa/crypto.h"

enum { HASH = 32 };
static const uint8_t purpose[] = { 'm', 'a', 'u', ' ', 'c', 'l', 'a', 'i', 'm', ' ', '1' };

struct part { const void *octets; size_t count; };

static bool hmac(const uint8_t *key, size_t key_count, const struct part *parts, unsigned count, uint8_t out[HASH]) {
  const psa_algorithm_t algorithm = PSA_ALG_HMAC(PSA_ALG_SHA_256);
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_HMAC);
  psa_set_key_algorithm(&attributes, algorithm);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
  mbedtls_svc_key_id_t id;
  psa_mac_operation_t operation = PSA_MAC_OPERATION_INIT;
  size_t length;
  if (psa_crypto_init() != PSA_SUCCESS || psa_import_key(&attributes, key, key_count, &id) != PSA_SUCCESS) return false;
  psa_status_t status = psa_mac_sign_setup(&operation, id, algorithm);
  for (unsigned i = 0; i < count && status == PSA_SUCCESS; i++) status = psa_mac_update(&operation, parts[i].octets, parts[i].count);
  if (status == PSA_SUCCESS) status = psa_mac_sign_finish(&operation, out, HASH, &length);
  psa_mac_abort(&operation);
  psa_destroy_key(id);
  return status == PSA_SUCCESS;
}

bool maud_hkdf_sha256(const uint8_t *salt, size_t salt_count, const uint8_t *secret, size_t secret_count, const uint8_t *info, size_t info_count,
                      uint8_t *out, size_t count) {
  static const uint8_t zeros[HASH];
  uint8_t key[HASH], block[HASH], number = 1;
  struct part whole = { secret, secret_count }, parts[] = { { block, 0 }, { info, info_count }, { &number, 1 } };
  bool is_good = count <= 255 * HASH && hmac(salt_count > 0 ? salt : zeros, salt_count > 0 ? salt_count : HASH, &whole, 1, key);
  for (; is_good && count > 0; number++) {
    is_good = hmac(key, HASH, parts, 3, block);
    size_t taken = count < HASH ? count : HASH;
    memcpy(out, block, taken);
    out += taken;
    count -= taken;
    parts[0].count = HASH;
  }
  mbedtls_platform_zeroize(key, sizeof key);
  mbedtls_platform_zeroize(block, sizeof block);
  return is_good;
}

bool maud_claim_prove(const char code[MAUD_CLAIM_CODE], char role, const uint8_t claimer[MAUD_FINGERPRINT], const uint8_t node[MAUD_FINGERPRINT],
                      const uint8_t nonces[2 * MAUD_CLAIM_NONCE], uint8_t proof[MAUD_CLAIM_PROOF]) {
  uint8_t key[HASH];
  const struct part parts[] = { { &role, 1 }, { claimer, MAUD_FINGERPRINT }, { node, MAUD_FINGERPRINT }, { nonces, 2 * MAUD_CLAIM_NONCE } };
  bool is_good = maud_hkdf_sha256(NULL, 0, (const uint8_t *)code, MAUD_CLAIM_CODE, purpose, sizeof purpose, key, HASH) && hmac(key, HASH, parts, 4, proof);
  mbedtls_platform_zeroize(key, sizeof key);
  return is_good;
}

bool maud_claim_is_same(const uint8_t a[MAUD_CLAIM_PROOF], const uint8_t b[MAUD_CLAIM_PROOF]) { return mbedtls_ct_memcmp(a, b, MAUD_CLAIM_PROOF) == 0; }

static int value(uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}
int maud_claim_judge(const char *uri, const uint8_t claimer[MAUD_FINGERPRINT], const uint8_t node[MAUD_FINGERPRINT], const uint8_t attempt[MAUD_CLAIM_ATTEMPT],
                     uint8_t nonce[MAUD_CLAIM_NONCE], uint8_t proof[MAUD_CLAIM_PROOF]) {
  uint8_t octets[MAUD_CLAIM_ATTEMPT / 2];
  char code[MAUD_CLAIM_CODE];
  for (unsigned i = 0; i < sizeof octets; i++) {
    int high = value(attempt[2 * i]), low = value(attempt[2 * i + 1]);
    if (high < 0 || low < 0) return -1;
    octets[i] = (uint8_t)(high << 4 | low);
  }
  memcpy(nonce, octets, MAUD_CLAIM_NONCE);
  const char *text = maud_claim_code_in(uri, MAUD_CLAIM_URI);
  return text && maud_claim_read(text, (size_t)(uri + MAUD_CLAIM_URI - text), code)
    && maud_claim_prove(code, 'C', claimer, node, octets, proof) && maud_claim_is_same(proof, octets + 2 * MAUD_CLAIM_NONCE)
    && maud_claim_prove(code, 'N', claimer, node, octets, proof);
}
