/* Memory with a bound: for a library that takes an allocator and whose use of memory a peer can drive. The length stands before each
 * piece, so that giving it back needs no one to remember it.
 *
 * Buffers of which mostly the first page is used (frames of libnghttp2, 16 KiB for each connection) are mapped: from malloc they
 * would lie in what handshakes have left behind, and keep all of that from going back to the kernel. */
#define _GNU_SOURCE 1
#include "CLinux.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAPPED = 12 << 10 }; /* from this size on */
union prefix { size_t size; max_align_t align; };

static union prefix *take(size_t size) {
  if (size < MAPPED) return malloc(sizeof(union prefix) + size);
  union prefix *new = mmap(NULL, sizeof *new + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return new == MAP_FAILED ? NULL : new;
}
static void give_back(union prefix *old) {
  if (old->size < MAPPED) free(old); else munmap(old, sizeof *old + old->size);
}

void *maud_bounded_malloc(size_t size, void *owner) {
  maud_bounded *bounded = owner;
  if (size > bounded->limit - bounded->used) return NULL;
  union prefix *new = take(size);
  if (!new) return NULL;
  new->size = size;
  bounded->used += size;
  if (bounded->used > bounded->most) bounded->most = bounded->used;
  return new + 1;
}
void *maud_bounded_calloc(size_t count, size_t size, void *owner) {
  if (size > 0 && count > SIZE_MAX / size) return NULL;
  void *memory = maud_bounded_malloc(count * size, owner);
  return memory ? memset(memory, 0, count * size) : NULL;
}
void *maud_bounded_realloc(void *memory, size_t size, void *owner) {
  void *new = maud_bounded_malloc(size, owner);
  if (!new || !memory) return new;
  size_t before = ((union prefix *)memory - 1)->size;
  memcpy(new, memory, before < size ? before : size);
  maud_bounded_free(memory, owner);
  return new;
}
void maud_bounded_free(void *memory, void *owner) {
  if (!memory) return;
  union prefix *old = (union prefix *)memory - 1;
  ((maud_bounded *)owner)->used -= old->size;
  give_back(old);
}
