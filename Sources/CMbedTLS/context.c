/* What all connections share: the two configurations, the certificate, the ticket keys. */
#include "internal.h"
#include <stdlib.h>
#include <string.h>
#include "psa/crypto.h"

static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
/* The last is for the signature in an RSA certificate only (RFC 8446, section 4.2.3). */
static const uint16_t signatures[] = { MBEDTLS_TLS1_3_SIG_ED25519, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, MBEDTLS_TLS1_3_SIG_NONE };
static const int with_aes[] = { MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0 };
static const int without_aes[] = { MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS1_3_AES_128_GCM_SHA256, 0 };

/* Without AES instructions (Raspberry Pi Zero 2 W, 2, 3, 4) ChaCha20 is several times as fast, and its time tells nothing. */
static bool has_aes(void);
#if defined(__x86_64__)
static bool has_aes(void) { return __builtin_cpu_supports("aes"); }
#elif defined(__aarch64__)
#include <sys/auxv.h>
static bool has_aes(void) { return (getauxval(AT_HWCAP) & 1UL << 3) != 0; } /* HWCAP_AES */
#else
static bool has_aes(void) { return false; }
#endif

static int configure(maud_tls *tls, mbedtls_ssl_config *config, int endpoint, const char *const *protocols) {
  mbedtls_ssl_config_init(config);
  int result = mbedtls_ssl_config_defaults(config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  if (result != 0) return result;
  mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_rng(config, maud_tls_random, NULL);
  mbedtls_ssl_conf_ciphersuites(config, has_aes() ? with_aes : without_aes);
  mbedtls_ssl_conf_groups(config, groups);
  mbedtls_ssl_conf_sig_algs(config, signatures);
  /* "Optional" asks for a certificate and judges it by the callback alone, in both roles: with "required" Mbed TLS wants
   * authorities, of which there are none. A client checks that it got one when the handshake is over. */
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  mbedtls_ssl_conf_verify(config, maud_verify_peer, tls);
  if (endpoint == MBEDTLS_SSL_IS_SERVER) mbedtls_ssl_conf_session_tickets_cb(config, maud_ticket_write, maud_ticket_parse, tls);
  if (protocols && (result = mbedtls_ssl_conf_alpn_protocols(config, (const char **)(uintptr_t)protocols)) != 0) return result;
  return mbedtls_ssl_conf_own_cert(config, &tls->certificate, &tls->own);
}

maud_tls *maud_tls_create(const maud_signing_key *key, const uint8_t *certificate, size_t count, const char *const *protocols,
                          const char *const *client_protocols, struct maud_tls_carrier carrier) {
  if (psa_crypto_init() != PSA_SUCCESS) return NULL;
  maud_tls *tls = calloc(1, sizeof *tls);
  if (!tls) return NULL;
  tls->key = key;
  tls->carrier = carrier;
  tls->clock = -1;
  mbedtls_x509_crt_init(&tls->certificate);
  uint8_t ours[MAUD_FINGERPRINT], theirs[MAUD_FINGERPRINT];
  bool good = (tls->tickets = maud_ticket_keys_create()) != NULL
    && mbedtls_x509_crt_parse_der(&tls->certificate, certificate, count) == 0;
  if (good) {
    maud_signing_key_fingerprint(key, ours);
    good = maud_certificate_fingerprint(&tls->certificate, theirs) == 0 && memcmp(ours, theirs, sizeof ours) == 0;
  }
  tls->own = tls->certificate.pk; /* the same public key at an address of ours; the certificate frees it */
  good = good && configure(tls, &tls->server, MBEDTLS_SSL_IS_SERVER, protocols) == 0 && configure(tls, &tls->client, MBEDTLS_SSL_IS_CLIENT, client_protocols) == 0;
  if (good) return tls;
  maud_tls_free(tls);
  return NULL;
}

void maud_tls_free(maud_tls *tls) {
  if (!tls) return;
  mbedtls_ssl_config_free(&tls->server);
  mbedtls_ssl_config_free(&tls->client);
  mbedtls_x509_crt_free(&tls->certificate);
  maud_ticket_keys_free(tls->tickets);
  free(tls);
}
