/* A transparent PSA driver: X25519 by the program's own primitive (mbedtls_x25519_ext) instead of big numbers. */
#ifndef PSA_X25519_H
#define PSA_X25519_H
#include "psa/crypto.h"
#include "mbedtls/external.h"

static inline int x25519_is(const psa_key_attributes_t *attributes)
{
    return psa_get_key_type(attributes) == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY) && psa_get_key_bits(attributes) == 255;
}

static inline psa_status_t x25519_generate_key(const psa_key_attributes_t *attributes, uint8_t *key, size_t room, size_t *count)
{
    if (!x25519_is(attributes)) {
        return PSA_ERROR_NOT_SUPPORTED;
    }
    if (room < 32) {
        return PSA_ERROR_BUFFER_TOO_SMALL;
    }
    psa_status_t status = psa_generate_random(key, 32);
    if (status == PSA_SUCCESS) {
        key[0] &= 0xf8; /* RFC 7748, section 5 */
        key[31] = (uint8_t) ((key[31] & 0x7f) | 0x40);
        *count = 32;
    }
    return status;
}

static inline psa_status_t x25519_export_public_key(const psa_key_attributes_t *attributes, const uint8_t *key, size_t key_count,
                                                    uint8_t *data, size_t room, size_t *count)
{
    if (!x25519_is(attributes) || key_count != 32) {
        return PSA_ERROR_NOT_SUPPORTED;
    }
    if (room < 32) {
        return PSA_ERROR_BUFFER_TOO_SMALL;
    }
    *count = 32;
    return mbedtls_x25519_ext(data, key, NULL) == 0 ? PSA_SUCCESS : PSA_ERROR_HARDWARE_FAILURE;
}

static inline psa_status_t x25519_key_agreement(const psa_key_attributes_t *attributes, const uint8_t *key, size_t key_count,
                                                psa_algorithm_t alg, const uint8_t *peer, size_t peer_count,
                                                uint8_t *secret, size_t room, size_t *count)
{
    if (!x25519_is(attributes) || key_count != 32 || !PSA_ALG_IS_ECDH(alg)) {
        return PSA_ERROR_NOT_SUPPORTED;
    }
    if (peer_count != 32 || room < 32 || mbedtls_x25519_ext(secret, key, peer) != 0) {
        return PSA_ERROR_INVALID_ARGUMENT;
    }
    uint8_t any = 0;
    for (int i = 0; i < 32; i++) { /* RFC 8446, section 7.4.2: all zeros must be refused */
        any |= secret[i];
    }
    *count = 32;
    return any != 0 ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT;
}
#endif
