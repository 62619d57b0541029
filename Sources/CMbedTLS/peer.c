/* Who the peer is: the version 4 fingerprint of the key in its certificate, created at the certificate's NotBefore.
 * No name in a certificate is looked at, and no certificate but the first. */
#include "internal.h"
#include <string.h>
#include "mbedtls/oid.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/sha1.h"

static void put(mbedtls_sha1_context *sha, const void *octets, size_t count) { (void)mbedtls_sha1_update(sha, octets, count); }

/* RFC 9580, section 5.5.4.2: 0x99, length, version 4, creation time, algorithm, key material. */
static void begin(mbedtls_sha1_context *sha, uint32_t creation_time, uint8_t algorithm, size_t material) {
  size_t count = 6 + material;
  uint8_t head[] = { 0x99, (uint8_t)(count >> 8), (uint8_t)count, 4, (uint8_t)(creation_time >> 24), (uint8_t)(creation_time >> 16),
                     (uint8_t)(creation_time >> 8), (uint8_t)creation_time, algorithm };
  mbedtls_sha1_init(sha);
  (void)mbedtls_sha1_starts(sha);
  put(sha, head, sizeof head);
}
static void end(mbedtls_sha1_context *sha, uint8_t fingerprint[MAUD_FINGERPRINT]) {
  (void)mbedtls_sha1_finish(sha, fingerprint);
  mbedtls_sha1_free(sha);
}

/* EdDSALegacy (section 5.5.5.5): the curve's OID, then an MPI of 0x40 and the 32 octets: 263 bits. */
void maud_ed25519_fingerprint(uint32_t creation_time, const uint8_t key[32], uint8_t fingerprint[MAUD_FINGERPRINT]) {
  static const uint8_t curve[] = { 9, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01, 263 >> 8, 263 & 0xFF, 0x40 };
  mbedtls_sha1_context sha;
  begin(&sha, creation_time, KEY_ED25519, sizeof curve + 32);
  put(&sha, curve, sizeof curve);
  put(&sha, key, 32);
  end(&sha, fingerprint);
}

static void put_number(mbedtls_sha1_context *sha, const mbedtls_mpi *value) {
  uint8_t octets[2 + RSA_OCTETS];
  size_t bits = mbedtls_mpi_bitlen(value), count = (bits + 7) / 8;
  octets[0] = (uint8_t)(bits >> 8);
  octets[1] = (uint8_t)bits;
  if (mbedtls_mpi_write_binary(value, octets + 2, count) == 0) put(sha, octets, 2 + count);
}
/* The numbers have RSA_OCTETS at most. */
void maud_rsa_fingerprint(uint32_t creation_time, const mbedtls_mpi *n, const mbedtls_mpi *e, uint8_t fingerprint[MAUD_FINGERPRINT]) {
  mbedtls_sha1_context sha;
  begin(&sha, creation_time, KEY_RSA, 4 + mbedtls_mpi_size(n) + mbedtls_mpi_size(e));
  put_number(&sha, n);
  put_number(&sha, e);
  end(&sha, fingerprint);
}

/* Seconds since 1970 that an OpenPGP key can have been created at; -1 for others. */
static int64_t creation_time(const mbedtls_x509_time *time) {
  /* Days of the civil calendar: years begin in March, so that the leap day is the last. */
  int64_t year = time->mon <= 2 ? time->year - 1 : time->year;
  int64_t month = (time->mon + 9) % 12, era = year / 400, of_era = year % 400;
  int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + time->day - 1 - 719468;
  int64_t seconds = days * 86400 + time->hour * 3600 + time->min * 60 + time->sec;
  return time->year < 1970 || seconds > UINT32_MAX ? -1 : seconds;
}

int maud_certificate_fingerprint(const mbedtls_x509_crt *certificate, uint8_t fingerprint[MAUD_FINGERPRINT]) {
  int64_t created = creation_time(&certificate->valid_from);
  if (created < 0) return -1;
  const uint8_t *ed25519 = mbedtls_pk_ed25519_public(&certificate->pk);
  if (ed25519) {
    maud_ed25519_fingerprint((uint32_t)created, ed25519, fingerprint);
    return 0;
  }
  if (mbedtls_pk_get_type(&certificate->pk) != MBEDTLS_PK_RSA) return -1;
  const mbedtls_rsa_context *rsa = mbedtls_pk_rsa(certificate->pk);
  /* The bounds also keep the cost of checking a signature small. */
  size_t bits = mbedtls_mpi_bitlen(&rsa->N);
  if (bits < 2048 || bits > 8 * RSA_OCTETS || mbedtls_mpi_size(&rsa->E) > 4) return -1;
  maud_rsa_fingerprint((uint32_t)created, &rsa->N, &rsa->E, fingerprint);
  return 0;
}

bool maud_tls_certificate_fingerprint(const uint8_t *octets, size_t count, uint8_t fingerprint[MAUD_FINGERPRINT]) {
  mbedtls_x509_crt certificate;
  mbedtls_x509_crt_init(&certificate);
  bool good = mbedtls_x509_crt_parse_der_nocopy(&certificate, octets, count) == 0 && maud_certificate_fingerprint(&certificate, fingerprint) == 0;
  mbedtls_x509_crt_free(&certificate);
  return good;
}

/* Called for each certificate of the chain, before the peer has shown that it holds the key: only a candidate is noted. */
int maud_verify_peer(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
  maud_tls_connection *connection = ((maud_tls *)context)->current;
  *flags = 0; /* no authority vouches for anyone, and dates are no validity */
  if (depth != 0) return 0;
  struct peer *peer = &connection->certified;
  if (maud_certificate_fingerprint(certificate, peer->fingerprint) < 0) {
    connection->reason = MAUD_TLS_REASON_CERTIFICATE;
    return MBEDTLS_ERR_X509_FATAL_ERROR;
  }
  if (connection->is_client && memcmp(peer->fingerprint, connection->expected, MAUD_FINGERPRINT) != 0) {
    connection->reason = MAUD_TLS_REASON_WRONG_PEER;
    return MBEDTLS_ERR_X509_FATAL_ERROR;
  }
  peer->proven = maud_ticket_now(connection->tls);
  peer->is_known = true;
  return 0;
}
