/* One connection over a carrier that never blocks. */
#define _GNU_SOURCE 1
#include "internal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mbedtls/platform.h"
#include "mbedtls/x509_crt.h"

enum { RECORD_HEADER = 5, TAG = 16, READS = 64, DUMMIES = 8 };

/* ---- The carrier ---- */
static int from_carrier(intptr_t result) {
  switch (result) {
    case MAUD_TLS_WANTS_TO_RECEIVE: return MBEDTLS_ERR_SSL_WANT_READ;
    case MAUD_TLS_WANTS_TO_SEND: return MBEDTLS_ERR_SSL_WANT_WRITE;
    case MAUD_TLS_ENDED: return 0; /* only when receiving */
    default: return result > 0 ? (int)result : MBEDTLS_ERR_SSL_CONN_EOF;
  }
}
/* What a record with the present header is, where Mbed TLS does not look at it (RFC 8446, section 5): it drops every ChangeCipherSpec,
   though behind Finished there may be none and nobody needs many before, and takes all else in the clear for a record that was forged. */
static int error_of_header(maud_tls_connection *connection) {
  const mbedtls_ssl_context *ssl = &connection->ssl;
  if (ssl->in_left < RECORD_HEADER) return 0;
  switch (ssl->in_hdr[0]) {
    case MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC: return connection->is_over || ++connection->dummies > DUMMIES ? MBEDTLS_ERR_SSL_UNEXPECTED_RECORD : 0;
    case MBEDTLS_SSL_MSG_HANDSHAKE: return ssl->transform_in ? MBEDTLS_ERR_SSL_UNEXPECTED_RECORD : 0;
    case MBEDTLS_SSL_MSG_ALERT: return ssl->transform_in ? MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE : 0; /* of a peer that has no keys yet */
    default: return 0;
  }
}
static int receive_from_carrier(void *context, unsigned char *octets, size_t count) {
  maud_tls_connection *connection = context;
  if (count > connection->largest) connection->largest = count;
  /* Mbed TLS reads on over records that say nothing: a peer that sends nothing else must not keep the loop. */
  if (++connection->reads > READS) return MBEDTLS_ERR_SSL_WANT_READ;
  int result = from_carrier(connection->tls->carrier.receive(connection->owner, octets, count));
  if (result == 0 || result == MBEDTLS_ERR_SSL_CONN_EOF) connection->has_ended = true;
  int error = result > 0 ? error_of_header(connection) : 0;
  return error ? error : result;
}
static int send_to_carrier(void *context, const unsigned char *octets, size_t count) {
  maud_tls_connection *connection = context;
  if (count > connection->largest) connection->largest = count;
  return from_carrier(connection->tls->carrier.send(connection->owner, octets, count));
}

/* ---- Opening and closing ---- */
maud_tls_connection *maud_tls_connect(maud_tls *tls, const uint8_t *expected, void *owner) {
  maud_tls_connection *connection = calloc(1, sizeof *connection);
  if (!connection) return NULL;
  connection->tls = tls;
  connection->owner = owner;
  connection->is_client = expected != NULL;
  connection->largest = MBEDTLS_SSL_IN_CONTENT_LEN; /* the handshake: rest after it */
  if (expected) memcpy(connection->expected, expected, MAUD_FINGERPRINT);
  mbedtls_ssl_init(&connection->ssl);
  mbedtls_ssl_set_bio(&connection->ssl, connection, send_to_carrier, receive_from_carrier, NULL);
  if (mbedtls_ssl_setup(&connection->ssl, expected ? &tls->client : &tls->server) != 0
      || (expected && mbedtls_ssl_set_hostname(&connection->ssl, NULL) != 0)) { /* a peer is its key, not a name */
    maud_tls_close(connection);
    return NULL;
  }
  return connection;
}
void maud_tls_close(maud_tls_connection *connection) {
  mbedtls_ssl_free(&connection->ssl);
  free(connection);
}

/* ---- Alerts ---- */
/* What a peer is told of an error for which Mbed TLS has no alert of its own (RFC 8446, section 6.2). */
static unsigned char alert_of(const mbedtls_ssl_context *ssl, int error) {
  size_t length = (size_t)ssl->in_hdr[3] << 8 | ssl->in_hdr[4]; /* of the last record: content, its type and a tag */
  switch (error) {
    case MBEDTLS_ERR_SSL_BAD_INPUT_DATA: /* more than the buffer holds: of a record, or of a message in several */
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
      if (length > MBEDTLS_SSL_IN_CONTENT_LEN + (ssl->transform_in ? 1 + TAG : 0)) return MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW;
      return error == MBEDTLS_ERR_SSL_BAD_INPUT_DATA ? MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER : MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    case MBEDTLS_ERR_SSL_INVALID_MAC: return MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC;
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD: return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE: return MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION: return MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION;
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER: return MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER;
    case MBEDTLS_ERR_SSL_DECODE_ERROR: return MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR;
    default: return MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
  }
}
/* Mbed TLS has sent an alert: as it stands in the record, encrypted, or at once for a refused key. */
static bool is_told(const mbedtls_ssl_context *ssl, int error) {
  return ssl->out_msgtype == MBEDTLS_SSL_MSG_ALERT || (ssl->alert_type != 0 && !ssl->send_alert) || error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}
static void tell(maud_tls_connection *connection, int error) {
  mbedtls_ssl_context *ssl = &connection->ssl;
  if (error == MBEDTLS_ERR_SSL_CONN_EOF || error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE || is_told(ssl, error)) return;
  unsigned char alert = ssl->send_alert ? ssl->alert_type : alert_of(ssl, error);
  /* With octets of ours on their way, the first call sends those and no alert. */
  if (ssl->out_left > 0 && mbedtls_ssl_send_alert_message(ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert) != 0) return;
  mbedtls_ssl_send_alert_message(ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
}

/* ---- Failing ---- */
static enum maud_tls_reason reason_of(int error) {
  switch (error) {
    case MBEDTLS_ERR_SSL_CONN_EOF: return MAUD_TLS_REASON_CARRIER;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION: return MAUD_TLS_REASON_VERSION;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL: return MAUD_TLS_REASON_NOTHING_COMMON;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE: return MAUD_TLS_REASON_ALERT;
    case MBEDTLS_ERR_SSL_ALLOC_FAILED: return MAUD_TLS_REASON_MEMORY;
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
    case MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION:
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
    case MBEDTLS_ERR_X509_FATAL_ERROR: return MAUD_TLS_REASON_CERTIFICATE;
    default: break;
  }
  int high = -error & 0xFF80; /* modules below TLS have their errors in the high bits: X.509 and public keys */
  bool is_certificate = (high >= 0x2080 && high <= 0x2980) || (high >= 0x3880 && high <= 0x3F80) || (high >= 0x4080 && high <= 0x4480);
  return is_certificate ? MAUD_TLS_REASON_CERTIFICATE : MAUD_TLS_REASON_NOT_TLS;
}
static int result_of(maud_tls_connection *connection, int error) {
  switch (error) {
    case MBEDTLS_ERR_SSL_WANT_READ: return MAUD_TLS_WANTS_TO_RECEIVE;
    case MBEDTLS_ERR_SSL_WANT_WRITE: return MAUD_TLS_WANTS_TO_SEND;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return MAUD_TLS_ENDED;
    default:
      /* The callback knows better than Mbed TLS why a peer was refused. */
      if (connection->reason != MAUD_TLS_REASON_WRONG_PEER && connection->reason != MAUD_TLS_REASON_CERTIFICATE) connection->reason = reason_of(error);
      tell(connection, error);
      return MAUD_TLS_FAILED;
  }
}
enum maud_tls_reason maud_tls_failure(const maud_tls_connection *connection) { return connection->reason; }

/* ---- The handshake ---- */
/* Behind its Finished a server writes with the keys of application data (RFC 8446, appendix A.2). Mbed TLS does so when the client has
   finished too: until then nothing is written but the alert that ends it all, which nobody could read under the old keys. */
static void use_last_keys(maud_tls_connection *connection) {
  mbedtls_ssl_context *ssl = &connection->ssl;
  if (connection->is_client || !ssl->transform_application || ssl->transform_out == ssl->transform_application) return;
  ssl->transform_out = ssl->transform_application;
  memset(ssl->cur_out_ctr, 0, sizeof ssl->cur_out_ctr);
}
/* The peer's certificate has told who it is: it is not kept. */
static void forget_certificate(mbedtls_ssl_session *session) {
  if (!session || !session->peer_cert) return;
  mbedtls_x509_crt_free(session->peer_cert);
  mbedtls_free(session->peer_cert);
  session->peer_cert = NULL;
}
static int handshake_is_over(maud_tls_connection *connection) {
  connection->is_resumed = !connection->is_client && !connection->saw_full_handshake;
  /* A ticket that was read counts only in a handshake that it carried; a certificate only in one with its signature. */
  connection->peer = connection->is_resumed ? connection->ticket : connection->certified;
  forget_certificate(connection->ssl.session);
  if (connection->is_client
      && (!connection->peer.is_known || memcmp(connection->peer.fingerprint, connection->expected, MAUD_FINGERPRINT) != 0)) {
    connection->reason = MAUD_TLS_REASON_WRONG_PEER;
    return MAUD_TLS_FAILED;
  }
  connection->is_over = true;
  return 0;
}
int maud_tls_handshake(maud_tls_connection *connection) {
  if (connection->is_over) return 0;
  mbedtls_ssl_context *ssl = &connection->ssl;
  int result = 0;
  connection->tls->current = connection;
  connection->reads = 0;
  while (result == 0 && ssl->state != MBEDTLS_SSL_HANDSHAKE_OVER) { /* beyond it are the states of tickets */
    result = mbedtls_ssl_handshake_step(ssl);
    use_last_keys(connection);
    /* A server that resumes goes past this state; in every other handshake it stops here. */
    if (ssl->state == MBEDTLS_SSL_CERTIFICATE_REQUEST) connection->saw_full_handshake = true;
  }
  connection->tls->current = NULL;
  return result == 0 ? handshake_is_over(connection) : result_of(connection, result);
}
bool maud_tls_peer(const maud_tls_connection *connection, uint8_t fingerprint[MAUD_FINGERPRINT]) {
  if (!connection->is_over || !connection->peer.is_known) return false;
  memcpy(fingerprint, connection->peer.fingerprint, MAUD_FINGERPRINT);
  return true;
}
bool maud_tls_is_resumed(const maud_tls_connection *connection) { return connection->is_over && connection->is_resumed; }
const char *maud_tls_protocol(const maud_tls_connection *connection) { return mbedtls_ssl_get_alpn_protocol(&connection->ssl); }

/* ---- Octets ---- */
intptr_t maud_tls_receive(maud_tls_connection *connection, uint8_t *octets, size_t count) {
  if (!connection->is_over) return MAUD_TLS_FAILED;
  connection->reads = 0;
  int result;
  /* 0 is a record without content, or the end of the carrier without the peer's word for it: somebody may have cut it off. */
  do result = mbedtls_ssl_read(&connection->ssl, octets, count); while (result == 0 && !connection->has_ended);
  if (result > 0) return result;
  return result_of(connection, result == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : result);
}
intptr_t maud_tls_send(maud_tls_connection *connection, const uint8_t *octets, size_t count) {
  if (!connection->is_over) return MAUD_TLS_FAILED;
  size_t length = connection->unsent;
  /* What is in a record already is only handed on: Mbed TLS looks at no octets then. */
  int result = mbedtls_ssl_write(&connection->ssl, octets, length > 0 ? length : count);
  if (result == MBEDTLS_ERR_SSL_WANT_WRITE && length == 0) {
    size_t room = MBEDTLS_SSL_OUT_CONTENT_LEN;
    connection->unsent = count < room ? count : room;
  }
  if (result >= 0) connection->unsent = 0;
  return result >= 0 ? result : result_of(connection, result);
}
bool maud_tls_has_octets(const maud_tls_connection *connection) { return mbedtls_ssl_get_bytes_avail(&connection->ssl) > 0; }
bool maud_tls_finish(maud_tls_connection *connection) {
  return connection->is_over && connection->unsent == 0 && mbedtls_ssl_close_notify(&connection->ssl) == 0;
}

/* ---- Memory ---- */
/* Gives back the pages of a buffer but its first: counters and a header lie there, records behind them. */
static void give_back(unsigned char *buffer, size_t count) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = ((uintptr_t)buffer + 64 + page - 1) & ~(page - 1);
  uintptr_t end = ((uintptr_t)buffer + count) & ~(page - 1);
  if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
}
void maud_tls_rest(maud_tls_connection *connection) {
  mbedtls_ssl_context *ssl = &connection->ssl;
  if (!connection->is_over || connection->largest < 2048 || ssl->in_left > 0 || ssl->out_left > 0 || ssl->in_offt || ssl->in_msglen > 0) return;
  connection->largest = 0;
  give_back(ssl->in_buf, MBEDTLS_SSL_IN_CONTENT_LEN);
  give_back(ssl->out_buf, MBEDTLS_SSL_OUT_CONTENT_LEN);
}
