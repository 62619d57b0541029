/* Memory for secrets, and random octets, from the kernel.
 *
 * libsodium has both, but its static library is one section an object: sodium_malloc or randombytes_buf bring core.o with
 * them, and that every primitive of libsodium, 150 KB of firmware. SHA-256, Ed25519 and X25519 need three small functions. */
#define _GNU_SOURCE 1
#include "internal.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }
static size_t whole_pages(size_t count) { size_t p = page_size(); return (count + p - 1) / p * p; }

static void *locked_allocate(size_t count, int sharing) {
  if (maud_fault("mmap") > 0) return NULL;
  size_t page = page_size(), inner = whole_pages(count);
  uint8_t *base = mmap(NULL, inner + 2 * page, PROT_NONE, sharing | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return NULL;
  /* The last octet ends at the guard page, so that running over the end is caught at once. */
  if (mprotect(base + page, inner, PROT_READ | PROT_WRITE) < 0 || mlock(base + page, inner) < 0) {
    munmap(base, inner + 2 * page);
    return NULL;
  }
  madvise(base + page, inner, MADV_DONTDUMP);
  return base + page + (inner - count);
}
void *maud_locked_allocate(size_t count) { return locked_allocate(count, MAP_PRIVATE); }
void *maud_locked_allocate_shared(size_t count) { return locked_allocate(count, MAP_SHARED); }
void maud_locked_free(void *memory, size_t count) {
  size_t page = page_size(), inner = whole_pages(count);
  uint8_t *inside = (uint8_t *)memory - (inner - count);
  explicit_bzero(inside, inner);
  munmap(inside - page, inner + 2 * page);
}

/* libsodium's SHA-256 and Ed25519 call these; without them the linker would take the object that drags in the rest. */
void sodium_memzero(void *const memory, const size_t count) { explicit_bzero(memory, count); }
int sodium_memcmp(const void *const a, const void *const b, size_t count) {
  const volatile unsigned char *x = a, *y = b;
  unsigned char difference = 0;
  for (size_t i = 0; i < count; i++) difference |= x[i] ^ y[i];
  return difference ? -1 : 0;
}
int sodium_is_zero(const unsigned char *octets, const size_t count) {
  const volatile unsigned char *x = octets;
  unsigned char any = 0;
  for (size_t i = 0; i < count; i++) any |= x[i];
  return any == 0;
}

void maud_random(void *buffer, size_t count) {
  uint8_t *p = buffer;
  while (count > 0) {
    ssize_t n = getrandom(p, count, 0);
    if (n < 0) { if (errno == EINTR) continue; __builtin_trap(); } /* every kernel since 3.17 has it */
    p += n;
    count -= (size_t)n;
  }
}
