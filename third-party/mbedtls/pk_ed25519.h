/* Ed25519 public keys (RFC 8410) for the PK layer of Mbed TLS: parsing and verifying, which is all that a certificate
 * needs. Included once, by pk.c. The primitive is the program's own (libsodium's), found at the link.
 *
 * Pure EdDSA hashes nothing beforehand: verify_func gets the whole message as its "hash", with MBEDTLS_MD_NONE. */
#include <string.h>
#include "mbedtls/platform.h"

static size_t ed25519_get_bitlen(mbedtls_pk_context *pk) { (void) pk; return 256; }
static int ed25519_can_do(mbedtls_pk_type_t type) { return type == MBEDTLS_PK_ED25519; }
static void *ed25519_alloc(void) { return mbedtls_calloc(1, MBEDTLS_ED25519_KEY); }
static void ed25519_free(void *key) { mbedtls_free(key); }

static int ed25519_verify(mbedtls_pk_context *pk, mbedtls_md_type_t md_alg, const unsigned char *message, size_t message_len,
                          const unsigned char *signature, size_t signature_len)
{
    if (md_alg != MBEDTLS_MD_NONE) {
        return MBEDTLS_ERR_PK_BAD_INPUT_DATA;
    }
    if (signature_len != MBEDTLS_ED25519_SIGNATURE ||
        mbedtls_ed25519_ext_verify(signature, message, message_len, pk->pk_ctx) != 0) {
        return MBEDTLS_ERR_RSA_VERIFY_FAILED;
    }
    return 0;
}

static const mbedtls_pk_info_t ed25519_info = {
    .type = MBEDTLS_PK_ED25519,
    .name = "Ed25519",
    .get_bitlen = ed25519_get_bitlen,
    .can_do = ed25519_can_do,
    .verify_func = ed25519_verify,
    .ctx_alloc_func = ed25519_alloc,
    .ctx_free_func = ed25519_free,
};

int mbedtls_pk_ed25519_set_public(mbedtls_pk_context *pk, const unsigned char *octets, size_t count)
{
    if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_ED25519 || count != MBEDTLS_ED25519_KEY) {
        return MBEDTLS_ERR_PK_INVALID_PUBKEY;
    }
    memcpy(pk->pk_ctx, octets, count);
    return 0;
}

const unsigned char *mbedtls_pk_ed25519_public(const mbedtls_pk_context *pk)
{
    return mbedtls_pk_get_type(pk) == MBEDTLS_PK_ED25519 ? pk->pk_ctx : NULL;
}
