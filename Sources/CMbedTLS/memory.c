/* Memory for Mbed TLS. Its record buffers, 17 KiB each and two a connection, mostly hold records of a few hundred octets: they
 * get slots of a region of their own, in which a page costs nothing before it is touched and nothing after the buffer is
 * freed. From malloc they would leave the heap as large as it ever was. */
#define _GNU_SOURCE 1
#include "internal.h"
#include <stdlib.h>
#include <sys/mman.h>

enum { SLOTS = 256, SLOT = 20 << 10 }; /* 96 connections and handshakes have 192; address space, not memory */
static unsigned char *region;
static uint64_t used[SLOTS / 64];

static void *take_slot(void) {
  if (!region) {
    region = mmap(NULL, (size_t)SLOTS * SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) { region = NULL; return NULL; }
    madvise(region, (size_t)SLOTS * SLOT, MADV_NOHUGEPAGE); /* a huge page would make all of it real */
  }
  for (unsigned i = 0; i < SLOTS / 64; i++) {
    if (used[i] == UINT64_MAX) continue;
    unsigned bit = (unsigned)__builtin_ctzll(~used[i]);
    used[i] |= 1ULL << bit;
    return region + (size_t)(i * 64 + bit) * SLOT;
  }
  return NULL;
}

void *maud_tls_allocate(size_t count, size_t size) {
  if (count == 1 && size > 16384 && size <= SLOT) {
    void *slot = take_slot();
    if (slot) return slot;
  }
  return calloc(count, size);
}
void maud_tls_release(void *memory) {
  size_t offset = (size_t)((uintptr_t)memory - (uintptr_t)region);
  if (!region || (uintptr_t)memory < (uintptr_t)region || offset >= (size_t)SLOTS * SLOT) { free(memory); return; }
  madvise(memory, SLOT, MADV_DONTNEED); /* zeros from now on, as calloc promises */
  used[offset / SLOT / 64] &= ~(1ULL << (offset / SLOT % 64));
}
