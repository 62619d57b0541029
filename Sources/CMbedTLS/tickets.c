/* Tickets (RFC 8446, section 4.6.1): the session and who its peer is, sealed with a key that only memory holds. A server keeps
 * nothing of them. The key changes every day, and a ticket stops when a day has passed since the peer signed. */
#include "internal.h"
#include <string.h>
#include "CLinux.h"
#include "mbedtls/chachapoly.h"
#include "mbedtls/platform_util.h"

/* key's number, nonce, then sealed: when the peer signed, whether it is known, its fingerprint, Mbed TLS's session; tag */
enum { NONCE = 12, HEAD = 1 + NONCE, TAG = 16, WHO = 8 + 1 + MAUD_FINGERPRINT };

int64_t maud_ticket_now(const maud_tls *tls) { return tls->clock >= 0 ? tls->clock : maud_since_boot() / 1000000000; }
void maud_tls_set_clock(maud_tls *tls, int64_t seconds) { tls->clock = seconds; }

struct ticket_keys *maud_ticket_keys_create(void) {
  struct ticket_keys *keys = maud_locked_allocate(sizeof *keys);
  if (keys) keys->since[0] = keys->since[1] = -1;
  return keys;
}
void maud_ticket_keys_free(struct ticket_keys *keys) { if (keys) maud_locked_free(keys, sizeof *keys); }

/* Makes a key when there is none of today, and forgets one that no ticket can be good with any more. */
static void change_keys(struct ticket_keys *keys, int64_t now) {
  if (keys->since[keys->newest] < 0 || now - keys->since[keys->newest] >= TICKET_SECONDS) {
    keys->newest = (keys->newest + 1) % TICKET_KEYS;
    maud_random(keys->octets[keys->newest], TICKET_KEY);
    keys->since[keys->newest] = now;
    keys->nonce = 0;
  }
  unsigned older = (keys->newest + 1) % TICKET_KEYS;
  if (keys->since[older] >= 0 && now - keys->since[older] >= 2 * TICKET_SECONDS) {
    mbedtls_platform_zeroize(keys->octets[older], TICKET_KEY);
    keys->since[older] = -1;
  }
}

static void put_time(uint8_t *out, int64_t value) { for (int i = 0; i < 8; i++) out[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i)); }
static int64_t get_time(const uint8_t *in) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | in[i];
  return (int64_t)value;
}

int maud_ticket_write(void *context, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end, size_t *count, uint32_t *lifetime) {
  maud_tls *tls = context;
  struct ticket_keys *keys = tls->tickets;
  const maud_tls_connection *connection = tls->current;
  const struct peer *peer = connection->saw_full_handshake ? &connection->certified : &connection->ticket;
  int64_t now = maud_ticket_now(tls), proven = peer->is_known ? peer->proven : now, left = proven + TICKET_SECONDS - now;
  change_keys(keys, now);
  size_t room = (size_t)(end - start), length;
  if (room < HEAD + WHO + TAG) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  uint8_t *plain = start + HEAD, *tag;
  int result = mbedtls_ssl_session_save(session, plain + WHO, room - HEAD - WHO - TAG, &length);
  if (result != 0) return result;
  put_time(plain, proven);
  plain[8] = peer->is_known;
  memcpy(plain + 9, peer->fingerprint, MAUD_FINGERPRINT);
  start[0] = (uint8_t)keys->newest;
  memset(start + 1, 0, NONCE - 8);
  put_time(start + 1 + NONCE - 8, (int64_t)keys->nonce++);
  tag = plain + WHO + length;
  mbedtls_chachapoly_context cipher;
  mbedtls_chachapoly_init(&cipher);
  result = mbedtls_chachapoly_setkey(&cipher, keys->octets[keys->newest]);
  if (result == 0) result = mbedtls_chachapoly_encrypt_and_tag(&cipher, WHO + length, start + 1, start, HEAD, plain, plain, tag);
  mbedtls_chachapoly_free(&cipher);
  *count = HEAD + WHO + length + TAG;
  *lifetime = left < 1 ? 1 : (uint32_t)left;
  return result;
}

int maud_ticket_parse(void *context, mbedtls_ssl_session *session, unsigned char *octets, size_t count) {
  maud_tls *tls = context;
  struct ticket_keys *keys = tls->tickets;
  maud_tls_connection *connection = tls->current;
  connection->ticket.is_known = false;
  int64_t now = maud_ticket_now(tls);
  change_keys(keys, now);
  if (count < HEAD + WHO + TAG || octets[0] >= TICKET_KEYS || keys->since[octets[0]] < 0) return MBEDTLS_ERR_SSL_INVALID_MAC;
  size_t length = count - HEAD - TAG;
  uint8_t *plain = octets + HEAD;
  mbedtls_chachapoly_context cipher;
  mbedtls_chachapoly_init(&cipher);
  int result = mbedtls_chachapoly_setkey(&cipher, keys->octets[octets[0]]);
  if (result == 0) result = mbedtls_chachapoly_auth_decrypt(&cipher, length, octets + 1, octets, HEAD, plain + length, plain, plain);
  mbedtls_chachapoly_free(&cipher);
  if (result != 0) return MBEDTLS_ERR_SSL_INVALID_MAC;
  struct peer peer = { .proven = get_time(plain), .is_known = plain[8] == 1 };
  memcpy(peer.fingerprint, plain + 9, MAUD_FINGERPRINT);
  result = now - peer.proven >= TICKET_SECONDS ? MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED
    : mbedtls_ssl_session_load(session, plain + WHO, length - WHO);
  mbedtls_platform_zeroize(plain, length);
  if (result == 0) connection->ticket = peer;
  return result;
}
