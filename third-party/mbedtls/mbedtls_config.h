/* Mbed TLS for maud: TLS 1.3 only, both ends, certificates with Ed25519 or RSA. Takes the place of Mbed TLS's own
 * mbedtls_config.h; docs/tls.md says what each choice means on the wire. */
#ifndef MAUD_MBEDTLS_CONFIG_H
#define MAUD_MBEDTLS_CONFIG_H

/* The machine. No HAVE_TIME_DATE: the dates of an identity's certificate are no validity. HAVE_TIME: the age of tickets. */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO maud_tls_allocate
#define MBEDTLS_PLATFORM_FREE_MACRO maud_tls_release
#include <stddef.h>
void *maud_tls_allocate(size_t count, size_t size);
void maud_tls_release(void *memory);

/* Ciphers: AES-128-GCM and ChaCha20-Poly1305, with SHA-256. */
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_AES_ONLY_128_BIT_KEY_LENGTH
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_HKDF_C
#if defined(__x86_64__)
#define MBEDTLS_AESNI_C
#endif
#if defined(__aarch64__)
#define MBEDTLS_AESCE_C
#define MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT
#endif
/* For version 4 fingerprints, never for a signature. */
#define MBEDTLS_SHA1_C

/* Public keys. Ed25519 and X25519 come by our patches; P-256, for key exchange only (RFC 8446, section 9.1), from p256-m. */
#define MBEDTLS_USE_PSA_CRYPTO
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_CRYPTO_CONFIG
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_PSA_KEY_STORE_DYNAMIC /* a connection holds two keys; the fixed store has room for 16 connections */
#define MBEDTLS_PSA_P256M_DRIVER_ENABLED
#define MBEDTLS_PSA_X25519_EXTERNAL
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_ED25519_C
#define MBEDTLS_MPI_MAX_SIZE 512 /* octets: RSA-4096 */

/* Certificates. */
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_REMOVE_INFO
#define MBEDTLS_X509_EMPTY_ISSUER /* as the Go implementation leaves it */
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT

/* TLS. */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE /* TLS 1.3 wants it; let go once the peer is known */
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_FIRST_CERTIFICATE_ONLY /* the others say nothing about who a peer is */
#define MBEDTLS_SSL_SIGN_EXTERNAL /* the secret key stays where it is */
/* Whole records both ways. Pages of the buffers that hold nothing are given back (memory.c, connection.c). */
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 16384
/* One thread, and no other process sees its buffers: otherwise each record of whatever length is copied through 16 KiB of heap, both ways, and all
 * pages of its buffer are written. */
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS
#endif
