/* Shared by the .c files only. */
#ifndef MAUD_CMBEDTLS_INTERNAL_H
#define MAUD_CMBEDTLS_INTERNAL_H
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#if !__has_include("mbedtls/external.h")
#error "Mbed TLS is not there: make mbedtls unpacks it"
#endif
#include "CMbedTLS.h"
#include "mbedtls/external.h"
#include "mbedtls/rsa.h"
#include "mbedtls/ssl.h"

enum { RSA_OCTETS = 512, RSA_LIMBS = RSA_OCTETS / sizeof(mbedtls_mpi_uint), PRIME_LIMBS = RSA_LIMBS / 2 + 1, EXPONENT_OCTETS = 8 };
enum { KEY_NONE = 0, KEY_ED25519 = 22, KEY_RSA = 1 }; /* as OpenPGP numbers them (RFC 9580, section 9.1) */

struct maud_signing_key {
  uint32_t kind, creation_time;
  union {
    uint8_t ed25519[64]; /* seed, then public key, as libsodium wants them */
    struct {
      size_t n_count, e_count, d_count, p_count, q_count, dp_count, dq_count, qp_count; /* limbs */
      mbedtls_mpi_uint n[RSA_LIMBS], e[2], d[RSA_LIMBS], p[PRIME_LIMBS], q[PRIME_LIMBS], dp[PRIME_LIMBS], dq[PRIME_LIMBS], qp[PRIME_LIMBS];
    } rsa;
  };
};

enum { TICKET_SECONDS = 86400, TICKET_KEY = 32, TICKET_KEYS = 2 };
struct ticket_keys { /* in locked memory */
  uint8_t octets[TICKET_KEYS][TICKET_KEY];
  int64_t since[TICKET_KEYS]; /* seconds since boot; -1: not in use */
  uint64_t nonce;             /* of the newest key: counted, never twice */
  unsigned newest;
};

struct maud_tls {
  mbedtls_pk_context own;     /* the public key; its address is what maud_signing_key is found by */
  const maud_signing_key *key;
  struct maud_tls_carrier carrier;
  mbedtls_x509_crt certificate;
  mbedtls_ssl_config server, client;
  maud_tls_connection *current; /* whose handshake is being worked on: callbacks of Mbed TLS get no connection */
  struct ticket_keys *tickets;
  int64_t clock;
};

/* Who the peer is, once it has proven it. */
struct peer {
  bool is_known;
  uint8_t fingerprint[MAUD_FINGERPRINT];
  int64_t proven; /* when it signed, in seconds since boot: resumption does not make it younger */
};

struct maud_tls_connection {
  mbedtls_ssl_context ssl;
  maud_tls *tls;
  void *owner;
  bool is_client, is_over, is_resumed, saw_full_handshake, has_ended;
  struct peer certified, ticket, peer; /* by a certificate, by a ticket: candidates until the handshake is over */
  uint8_t expected[MAUD_FINGERPRINT];
  size_t unsent;              /* octets that are in a record which the carrier did not take whole */
  size_t largest;             /* record since the buffers rested */
  unsigned reads, dummies;    /* from the carrier in this call; ChangeCipherSpec in this handshake */
  enum maud_tls_reason reason;
};

/* key.c */
int maud_tls_random(void *unused, unsigned char *octets, size_t count);
/* peer.c: 0 and the fingerprint, or -1 for a key that is no version 4 key of ours. */
int maud_certificate_fingerprint(const mbedtls_x509_crt *certificate, uint8_t fingerprint[MAUD_FINGERPRINT]);
int maud_verify_peer(void *tls, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);
void maud_ed25519_fingerprint(uint32_t creation_time, const uint8_t key[32], uint8_t fingerprint[MAUD_FINGERPRINT]);
void maud_rsa_fingerprint(uint32_t creation_time, const mbedtls_mpi *n, const mbedtls_mpi *e, uint8_t fingerprint[MAUD_FINGERPRINT]);
/* tickets.c */
int64_t maud_ticket_now(const maud_tls *tls);
struct ticket_keys *maud_ticket_keys_create(void);
void maud_ticket_keys_free(struct ticket_keys *keys);
int maud_ticket_write(void *tls, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end, size_t *count, uint32_t *lifetime);
int maud_ticket_parse(void *tls, mbedtls_ssl_session *session, unsigned char *octets, size_t count);
#endif
