/* What Mbed TLS asks of the program that links it, with our patches: the curve arithmetic, and signing.
 * Lies beside Mbed TLS's own public headers once `make` has unpacked it. Functions return 0 on success. */
#ifndef MBEDTLS_EXTERNAL_H
#define MBEDTLS_EXTERNAL_H
#include <stdint.h>
#include "mbedtls/pk.h"

enum { MBEDTLS_ED25519_KEY = 32, MBEDTLS_ED25519_SIGNATURE = 64 };

/* RFC 8032, pure Ed25519. */
int mbedtls_ed25519_ext_verify(const unsigned char signature[64], const unsigned char *message, size_t count,
                               const unsigned char key[32]);
/* RFC 7748: point NULL means the base point. */
int mbedtls_x25519_ext(unsigned char out[32], const unsigned char scalar[32], const unsigned char *point);
#if defined(MBEDTLS_SSL_SIGN_EXTERNAL)
/* Signs the content of our CertificateVerify (RFC 8446, section 4.4.3) with `algorithm`, a SignatureScheme. `own` is what was given to
 * mbedtls_ssl_conf_own_cert as the private key: only its address is used, so it needs to hold no more than the public key. */
int mbedtls_ssl_sign_external(const mbedtls_pk_context *own, uint16_t algorithm, const unsigned char *content, size_t count,
                              unsigned char *signature, size_t room, size_t *signature_count);
#endif

/* The 32 octets of an Ed25519 key; NULL when it is of another type. They live as long as the context. */
const unsigned char *mbedtls_pk_ed25519_public(const mbedtls_pk_context *pk);
/* For a context set up with mbedtls_pk_info_from_type(MBEDTLS_PK_ED25519). */
int mbedtls_pk_ed25519_set_public(mbedtls_pk_context *pk, const unsigned char *octets, size_t count);
#endif
