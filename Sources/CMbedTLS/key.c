/* The signing key, and what Mbed TLS asks of the program: curve arithmetic by libsodium, and our signature in a handshake. */
#include "internal.h"
#include <sodium.h>
#include <string.h>
#include "CLinux.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/sha256.h"

int maud_tls_random(void *unused, unsigned char *octets, size_t count) {
  (void)unused;
  maud_random(octets, count);
  return 0;
}
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output, size_t size, size_t *count) {
  (void)context;
  maud_random(output, size);
  *count = size;
  return PSA_SUCCESS;
}

/* ---- The primitives ---- */
int mbedtls_ed25519_ext_verify(const unsigned char signature[64], const unsigned char *message, size_t count, const unsigned char key[32]) {
  return crypto_sign_ed25519_verify_detached(signature, message, count, key);
}
int mbedtls_x25519_ext(unsigned char out[32], const unsigned char scalar[32], const unsigned char *point) {
  return point ? crypto_scalarmult_curve25519(out, scalar, point) : crypto_scalarmult_curve25519_base(out, scalar);
}

/* ---- Filling ---- */
size_t maud_signing_key_size(void) { return sizeof(maud_signing_key); }
bool maud_signing_key_is_set(const maud_signing_key *key) { return key->kind != KEY_NONE; }
uint32_t maud_signing_key_creation_time(const maud_signing_key *key) { return key->creation_time; }

bool maud_signing_key_set_ed25519(maud_signing_key *key, uint32_t creation_time, struct maud_number seed, const uint8_t *public_key) {
  static const unsigned char trial[] = "does the seed belong to the public key?";
  unsigned char signature[64];
  if (seed.count > 32) return false;
  memset(key->ed25519, 0, 32); /* OpenPGP leaves leading zeros out */
  memcpy(key->ed25519 + 32 - seed.count, seed.octets, seed.count);
  memcpy(key->ed25519 + 32, public_key, 32);
  /* A signature with a public key that is not the seed's gives the seed away: this one leaves only when it verifies. */
  crypto_sign_ed25519_detached(signature, NULL, trial, sizeof trial, key->ed25519);
  bool good = crypto_sign_ed25519_verify_detached(signature, trial, sizeof trial, public_key) == 0;
  mbedtls_platform_zeroize(signature, sizeof signature);
  key->creation_time = creation_time;
  key->kind = good ? KEY_ED25519 : KEY_NONE;
  if (!good) mbedtls_platform_zeroize(key->ed25519, sizeof key->ed25519);
  return good;
}

/* A number into the key's own limbs; false when it does not fit. */
static bool store(const mbedtls_mpi *from, mbedtls_mpi_uint *to, size_t room, size_t *count) {
  size_t limbs = from->n;
  while (limbs > 0 && from->p[limbs - 1] == 0) limbs--;
  if (limbs > room || limbs == 0) return false;
  memcpy(to, from->p, limbs * sizeof *to);
  *count = limbs;
  return true;
}
static bool store_all(maud_signing_key *key, const mbedtls_rsa_context *rsa) {
  return store(&rsa->N, key->rsa.n, RSA_LIMBS, &key->rsa.n_count) && store(&rsa->E, key->rsa.e, 2, &key->rsa.e_count)
      && store(&rsa->D, key->rsa.d, RSA_LIMBS, &key->rsa.d_count) && store(&rsa->P, key->rsa.p, PRIME_LIMBS, &key->rsa.p_count)
      && store(&rsa->Q, key->rsa.q, PRIME_LIMBS, &key->rsa.q_count) && store(&rsa->DP, key->rsa.dp, PRIME_LIMBS, &key->rsa.dp_count)
      && store(&rsa->DQ, key->rsa.dq, PRIME_LIMBS, &key->rsa.dq_count) && store(&rsa->QP, key->rsa.qp, PRIME_LIMBS, &key->rsa.qp_count);
}
bool maud_signing_key_set_rsa(maud_signing_key *key, uint32_t creation_time, struct maud_number n, struct maud_number e,
                              struct maud_number d, struct maud_number p, struct maud_number q) {
  mbedtls_rsa_context rsa; /* freed below, and Mbed TLS wipes what it frees */
  mbedtls_rsa_init(&rsa);
  bool good = n.count <= RSA_OCTETS && e.count <= EXPONENT_OCTETS
    && mbedtls_rsa_import_raw(&rsa, n.octets, n.count, p.octets, p.count, q.octets, q.count, d.octets, d.count, e.octets, e.count) == 0
    && mbedtls_rsa_complete(&rsa) == 0 && mbedtls_rsa_check_privkey(&rsa) == 0
    && mbedtls_mpi_bitlen(&rsa.N) >= 2048 && store_all(key, &rsa);
  mbedtls_rsa_free(&rsa);
  key->creation_time = creation_time;
  key->kind = good ? KEY_RSA : KEY_NONE;
  if (!good) mbedtls_platform_zeroize(&key->rsa, sizeof key->rsa);
  return good;
}

/* ---- Reading ---- */
/* Mbed TLS works on the limbs where they lie: what it is given to read it neither moves nor frees. */
static mbedtls_mpi number(const mbedtls_mpi_uint *limbs, size_t count) {
  return (mbedtls_mpi){ .s = 1, .n = (unsigned short)count, .p = (mbedtls_mpi_uint *)(uintptr_t)limbs };
}
static size_t octets_of(mbedtls_mpi value, uint8_t *out) {
  size_t count = mbedtls_mpi_size(&value);
  return mbedtls_mpi_write_binary(&value, out, count) == 0 ? count : 0;
}
const uint8_t *maud_signing_key_ed25519(const maud_signing_key *key) { return key->kind == KEY_ED25519 ? key->ed25519 + 32 : NULL; }
size_t maud_signing_key_rsa_modulus(const maud_signing_key *key, uint8_t *out) { return octets_of(number(key->rsa.n, key->rsa.n_count), out); }
size_t maud_signing_key_rsa_exponent(const maud_signing_key *key, uint8_t *out) { return octets_of(number(key->rsa.e, key->rsa.e_count), out); }
void maud_signing_key_fingerprint(const maud_signing_key *key, uint8_t fingerprint[MAUD_FINGERPRINT]) {
  if (key->kind == KEY_ED25519) return maud_ed25519_fingerprint(key->creation_time, key->ed25519 + 32, fingerprint);
  mbedtls_mpi n = number(key->rsa.n, key->rsa.n_count), e = number(key->rsa.e, key->rsa.e_count);
  maud_rsa_fingerprint(key->creation_time, &n, &e, fingerprint);
}

/* ---- Signing ---- */
static int sign_rsa(const maud_signing_key *key, int padding, const unsigned char *message, size_t count, unsigned char *signature, size_t *length) {
  unsigned char hash[32];
  mbedtls_rsa_context rsa;
  mbedtls_rsa_init(&rsa);
  rsa.N = number(key->rsa.n, key->rsa.n_count);
  rsa.E = number(key->rsa.e, key->rsa.e_count);
  rsa.D = number(key->rsa.d, key->rsa.d_count);
  rsa.P = number(key->rsa.p, key->rsa.p_count);
  rsa.Q = number(key->rsa.q, key->rsa.q_count);
  rsa.DP = number(key->rsa.dp, key->rsa.dp_count);
  rsa.DQ = number(key->rsa.dq, key->rsa.dq_count);
  rsa.QP = number(key->rsa.qp, key->rsa.qp_count);
  rsa.len = mbedtls_mpi_size(&rsa.N);
  mbedtls_rsa_set_padding(&rsa, padding, MBEDTLS_MD_SHA256);
  int result = mbedtls_sha256(message, count, hash, 0);
  if (result == 0) result = mbedtls_rsa_pkcs1_sign(&rsa, maud_tls_random, NULL, MBEDTLS_MD_SHA256, sizeof hash, hash, signature);
  *length = rsa.len;
  mbedtls_mpi *ours[] = { &rsa.N, &rsa.E, &rsa.D, &rsa.P, &rsa.Q, &rsa.DP, &rsa.DQ, &rsa.QP };
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) mbedtls_mpi_init(ours[i]); /* not Mbed TLS's to free */
  mbedtls_rsa_free(&rsa); /* what it computed on the way, blinding and Montgomery constants */
  return result;
}
size_t maud_signing_key_sign_certificate(const maud_signing_key *key, const uint8_t *body, size_t count, uint8_t *signature) {
  size_t length = 0;
  if (key->kind == KEY_ED25519) return crypto_sign_ed25519_detached(signature, NULL, body, count, key->ed25519) == 0 ? 64 : 0;
  return key->kind == KEY_RSA && sign_rsa(key, MBEDTLS_RSA_PKCS_V15, body, count, signature, &length) == 0 ? length : 0;
}
int mbedtls_ssl_sign_external(const mbedtls_pk_context *own, uint16_t algorithm, const unsigned char *content, size_t count,
                              unsigned char *signature, size_t room, size_t *signature_count) {
  const maud_tls *tls = (const maud_tls *)((const char *)own - offsetof(maud_tls, own));
  if (room < RSA_OCTETS) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  if (algorithm == MBEDTLS_TLS1_3_SIG_ED25519 && tls->key->kind == KEY_ED25519) {
    *signature_count = 64;
    return crypto_sign_ed25519_detached(signature, NULL, content, count, tls->key->ed25519);
  }
  if (algorithm == MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256 && tls->key->kind == KEY_RSA)
    return sign_rsa(tls->key, MBEDTLS_RSA_PKCS_V21, content, count, signature, signature_count);
  return MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
}
