#define _GNU_SOURCE 1
#include "internal.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LIMIT = 4, ADDRESS = 64 };
struct maud_resolution {
  struct maud_job job;
  unsigned limit, count;
  char addresses[LIMIT][ADDRESS];
  char host[];
};

static bool format(const struct sockaddr *a, char address[ADDRESS]) {
  if (a->sa_family == AF_INET) return inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, address, ADDRESS) != NULL;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
  if (a->sa_family != AF_INET6 || !inet_ntop(AF_INET6, &v6->sin6_addr, address, ADDRESS)) return false;
  size_t length = strlen(address);
  if (v6->sin6_scope_id) snprintf(address + length, ADDRESS - length, "%%%u", (unsigned)v6->sin6_scope_id);
  return true;
}
static void resolve(struct maud_job *job) {
  maud_resolution *r = (maud_resolution *)job;
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *all = NULL;
  if (maud_fault("getaddrinfo") > 0 || getaddrinfo(r->host, NULL, &hints, &all) != 0) return;
  for (const struct addrinfo *one = all; one && r->count < r->limit; one = one->ai_next)
    if (format(one->ai_addr, r->addresses[r->count])) r->count++;
  freeaddrinfo(all);
}
maud_resolution *maud_resolution_create(const void *host, size_t count, unsigned limit) {
  maud_resolution *r = calloc(1, sizeof *r + count + 1);
  if (!r) return NULL;
  r->job.run = resolve;
  r->limit = limit < LIMIT ? limit : LIMIT;
  memcpy(r->host, host, count);
  return r;
}
struct maud_job *maud_resolution_job(maud_resolution *resolution) { return &resolution->job; }
unsigned maud_resolution_count(const maud_resolution *resolution) { return resolution->count; }
const char *maud_resolution_address(const maud_resolution *resolution, unsigned number) { return resolution->addresses[number]; }
void maud_resolution_free(maud_resolution *resolution) { free(resolution); }
