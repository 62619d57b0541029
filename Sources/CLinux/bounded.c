/* Memory with a bound: for a library that takes an allocator and whose use of memory a peer can drive. The length stands before each
 * piece, so that giving it back needs no one to remember it. */
#include "CLinux.h"
#include <stdlib.h>
#include <string.h>

union prefix { size_t size; max_align_t align; };

void *maud_bounded_realloc(void *memory, size_t size, void *owner) {
  maud_bounded *bounded = owner;
  union prefix *old = memory ? (union prefix *)memory - 1 : NULL;
  size_t before = old ? old->size : 0, others = bounded->used - before;
  if (others > bounded->limit || size > bounded->limit - others) return NULL;
  union prefix *new = realloc(old, sizeof *new + size);
  if (!new) return NULL;
  new->size = size;
  bounded->used = others + size;
  if (bounded->used > bounded->most) bounded->most = bounded->used;
  return new + 1;
}
void *maud_bounded_malloc(size_t size, void *owner) { return maud_bounded_realloc(NULL, size, owner); }
void *maud_bounded_calloc(size_t count, size_t size, void *owner) {
  if (size > 0 && count > SIZE_MAX / size) return NULL;
  void *memory = maud_bounded_malloc(count * size, owner);
  return memory ? memset(memory, 0, count * size) : NULL;
}
void maud_bounded_free(void *memory, void *owner) {
  if (!memory) return;
  union prefix *old = (union prefix *)memory - 1;
  ((maud_bounded *)owner)->used -= old->size;
  free(old);
}
