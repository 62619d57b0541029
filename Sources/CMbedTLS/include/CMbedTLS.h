/* TLS 1.3 with OpenPGP identities, as Swift can import it: Mbed TLS behind functions without macros and private fields.
 * docs/tls.md is the protocol. One thread; nothing blocks; all memory is bounded.
 */
#ifndef MAUD_CMBEDTLS_H
#define MAUD_CMBEDTLS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAUD_FINGERPRINT = 20 };

/* ---- The signing key (key.c) ---- */
/* The one copy of the secret key. Lies in memory that the caller locks, shares with the child that fills it, and keeps
 * where it is; wiping it is forgetting the key. */
typedef struct maud_signing_key maud_signing_key;
size_t maud_signing_key_size(void);
/* Fill it; false when the halves of the key do not belong together or are of a kind that is refused. Intermediate values are
 * wiped. Numbers are big-endian. Ed25519: the seed, of 32 octets when its leading zeros are there, and the public key of 32. */
struct maud_number { const uint8_t *octets; size_t count; };
bool maud_signing_key_set_ed25519(maud_signing_key *key, uint32_t creation_time, struct maud_number seed, const uint8_t *public_key);
/* RSA of 2048 to 4096 bits; p and q in either order. */
bool maud_signing_key_set_rsa(maud_signing_key *key, uint32_t creation_time, struct maud_number n, struct maud_number e,
                              struct maud_number d, struct maud_number p, struct maud_number q);
/* What the certificate says of it. The octets point into the key. */
bool maud_signing_key_is_set(const maud_signing_key *key);
uint32_t maud_signing_key_creation_time(const maud_signing_key *key);
const uint8_t *maud_signing_key_ed25519(const maud_signing_key *key); /* the public key; NULL when it is RSA */
/* Modulus and exponent, big-endian without leading zeros; their lengths, at most 512 and 8 octets. */
size_t maud_signing_key_rsa_modulus(const maud_signing_key *key, uint8_t *out);
size_t maud_signing_key_rsa_exponent(const maud_signing_key *key, uint8_t *out);
/* The version 4 fingerprint (RFC 9580, section 5.5.4.2). */
void maud_signing_key_fingerprint(const maud_signing_key *key, uint8_t fingerprint[MAUD_FINGERPRINT]);
/* The signature of a certificate's body: pure Ed25519, or RSA PKCS #1 v1.5 with SHA-256. Its length, at most 512, or 0. */
size_t maud_signing_key_sign_certificate(const maud_signing_key *key, const uint8_t *body, size_t count, uint8_t *signature);

/* The fingerprint that a certificate in DER stands for; false when it stands for none. */
bool maud_tls_certificate_fingerprint(const uint8_t *certificate, size_t count, uint8_t fingerprint[MAUD_FINGERPRINT]);

/* ---- What all connections share (context.c) ---- */
typedef struct maud_tls maud_tls;
typedef struct maud_tls_connection maud_tls_connection;
/* How a connection sends and receives the octets of its carrier: how many, MAUD_TLS_..., never 0. */
struct maud_tls_carrier {
  intptr_t (*receive)(void *owner, uint8_t *octets, size_t count);
  intptr_t (*send)(void *owner, const uint8_t *octets, size_t count);
};
enum {
  MAUD_TLS_WANTS_TO_RECEIVE = -1, /* not before the carrier has octets */
  MAUD_TLS_WANTS_TO_SEND = -2,    /* not before the carrier takes octets */
  MAUD_TLS_ENDED = -3,            /* the peer sends no more */
  MAUD_TLS_FAILED = -4,           /* broken; maud_tls_failure says why */
};
/* The key stays the caller's, must outlive the result, and is not copied. `protocols` are names for ALPN in the order of
 * preference, for our servers and for our clients, NULL behind the last, of static storage. NULL without memory, or for a certificate that is not the key's. */
maud_tls *maud_tls_create(const maud_signing_key *key, const uint8_t *certificate, size_t count, const char *const *protocols,
                          const char *const *client_protocols, struct maud_tls_carrier carrier);
void maud_tls_free(maud_tls *tls);

/* ---- Connections (connection.c) ---- */
/* A server when `expected` is NULL, else a client that talks to that fingerprint only. `owner` is handed to the carrier.
 * NULL without memory. */
maud_tls_connection *maud_tls_connect(maud_tls *tls, const uint8_t *expected, void *owner);
void maud_tls_close(maud_tls_connection *connection);
/* 0 when the handshake is over, else MAUD_TLS_...; call it again when the carrier is ready. */
int maud_tls_handshake(maud_tls_connection *connection);
/* How many octets, or MAUD_TLS_.... After MAUD_TLS_WANTS_TO_SEND the same octets must be sent again, or more that begin with them. */
intptr_t maud_tls_receive(maud_tls_connection *connection, uint8_t *octets, size_t count);
intptr_t maud_tls_send(maud_tls_connection *connection, const uint8_t *octets, size_t count);
/* Whether octets wait that the carrier gave already: it will not become ready for them. */
bool maud_tls_has_octets(const maud_tls_connection *connection);
/* Tells the peer that no more octets come; false when the carrier would not take it. */
bool maud_tls_finish(maud_tls_connection *connection);
/* Gives pages of buffers back that hold nothing: when the connection is about to wait. */
void maud_tls_rest(maud_tls_connection *connection);
/* After the handshake: whether the peer has proven a key, and that key's fingerprint. */
bool maud_tls_peer(const maud_tls_connection *connection, uint8_t fingerprint[MAUD_FINGERPRINT]);
bool maud_tls_is_resumed(const maud_tls_connection *connection);
/* What ALPN chose, of static storage; NULL when the peer asked for nothing. */
const char *maud_tls_protocol(const maud_tls_connection *connection);
/* Why it failed. */
enum maud_tls_reason {
  MAUD_TLS_REASON_CARRIER = 0,     /* the carrier ended or broke */
  MAUD_TLS_REASON_NOT_TLS = 1,     /* not TLS, damaged or forged octets */
  MAUD_TLS_REASON_VERSION = 2,     /* no TLS 1.3 */
  MAUD_TLS_REASON_NOTHING_COMMON = 3, /* no cipher, group, signature scheme or protocol in common */
  MAUD_TLS_REASON_CERTIFICATE = 4, /* a certificate that names no OpenPGP key, or a signature that does not hold */
  MAUD_TLS_REASON_WRONG_PEER = 5,  /* another key than the one that was asked for */
  MAUD_TLS_REASON_ALERT = 6,       /* the peer said so */
  MAUD_TLS_REASON_MEMORY = 7,
};
enum maud_tls_reason maud_tls_failure(const maud_tls_connection *connection);

/* ---- Proofs of a claim code (claim.c; docs/claim.md, part 3) ---- */
enum { MAUD_CLAIM_NONCE = 16, MAUD_CLAIM_PROOF = 32, MAUD_CLAIM_ATTEMPT = 128 };
/* RFC 5869, at most 8160 octets; false without memory. */
bool maud_hkdf_sha256(const uint8_t *salt, size_t salt_count, const uint8_t *secret, size_t secret_count, const uint8_t *info, size_t info_count,
                      uint8_t *out, size_t count);
/* What only who knows the code can make. `role` is 'C' or 'N'; `nonces` are the node's and the claimer's. */
bool maud_claim_prove(const char code[20], char role, const uint8_t claimer[MAUD_FINGERPRINT], const uint8_t node[MAUD_FINGERPRINT],
                      const uint8_t nonces[2 * MAUD_CLAIM_NONCE], uint8_t proof[MAUD_CLAIM_PROOF]);
/* In a time that says nothing of where they differ. */
bool maud_claim_is_same(const uint8_t a[MAUD_CLAIM_PROOF], const uint8_t b[MAUD_CLAIM_PROOF]);
/* Judges an attempt (128 hexadecimal digits) against the code in a URI: 1 right, with the node's own proof; 0 wrong; -1 no attempt. The node's nonce that it
 * names is put down in any case but the last. */
int maud_claim_judge(const char *uri, const uint8_t claimer[MAUD_FINGERPRINT], const uint8_t node[MAUD_FINGERPRINT], const uint8_t attempt[MAUD_CLAIM_ATTEMPT],
                     uint8_t nonce[MAUD_CLAIM_NONCE], uint8_t proof[MAUD_CLAIM_PROOF]);

/* ---- Tickets (tickets.c), for tests ---- */
/* What the ticket clock says instead of the time since boot, in seconds; negative: the real one. */
void maud_tls_set_clock(maud_tls *tls, int64_t seconds);
#endif
