#define _GNU_SOURCE 1
#include "internal.h"
#include "store_internal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(struct maud_outcome *outcome, const char *call, int result) {
  if (result < 0 && outcome->error == 0) { outcome->error = -result; outcome->call = call; }
}

/* ---- Removing files ---- */
static void removal_run(struct maud_job *job) {
  struct maud_removal *r = (struct maud_removal *)job;
  int result = 0;
  r->outcome.error = 0;
  r->removed = 0;
  for (const char *path = r->paths; path < r->paths + r->paths_size; path += strlen(path) + 1) {
    result = maud_unlinkat(maud_store_directory_descriptor(r->directory), path, false);
    if (result < 0 && result != -ENOENT) { fail(&r->outcome, "unlink", result); break; }
    r->removed++;
  }
  /* One for all of them: a file that comes back after a power cut is removed again, not lost. */
  if (r->removed > 0) fail(&r->outcome, "fsync", maud_fsync(maud_store_directory_descriptor(r->directory)));
}
struct maud_removal *maud_removal_create(maud_store_directory *directory, const void *paths, size_t paths_size) {
  struct maud_removal *r = calloc(1, sizeof *r + paths_size + 1);
  if (!r) return NULL;
  memcpy(r + 1, paths, paths_size);
  r->job.run = removal_run;
  r->directory = directory;
  r->paths = (const char *)(r + 1);
  r->paths_size = paths_size;
  return r;
}
struct version { int64_t time, size; char name[72]; };
static int by_time(const void *a, const void *b) {
  const struct version *x = a, *y = b;
  return x->time != y->time ? (x->time < y->time ? -1 : 1) : strcmp(x->name, y->name);
}
/* 64 digits, with our suffix or without: whatever else lies there is not ours to remove. */
static bool is_version_name(const char *name) {
  size_t digits = strspn(name, "0123456789abcdef");
  return digits == 64 && (name[64] == 0 || strcmp(name + 64, ".pgp") == 0);
}
static struct version *list_versions(int versions, size_t *count) {
  enum { LIMIT = 4096 }; /* what another program left beyond that waits for the next time */
  maud_directory *stream;
  const char *name;
  struct maud_status status;
  struct version *list = NULL;
  size_t capacity = 0;
  *count = 0;
  if (maud_directory_open(versions, &stream) < 0) return NULL;
  while (*count < LIMIT && maud_directory_next(stream, &name) == 1) {
    if (!is_version_name(name) || maud_statat(versions, name, false, &status) < 0 || status.kind != MAUD_FILE_REGULAR) continue;
    if (*count == capacity) {
      struct version *larger = realloc(list, (capacity + 32) * sizeof *list);
      if (!larger) break;
      list = larger;
      capacity += 32;
    }
    struct version *v = &list[(*count)++];
    v->time = status.modification_time;
    v->size = status.size;
    strcpy(v->name, name);
  }
  maud_directory_close(stream);
  return list;
}
void maud_store_trim(int versions, uint32_t count, int64_t octets) {
  size_t there;
  int64_t total = 0;
  struct version *list = list_versions(versions, &there);
  if (there > 0) qsort(list, there, sizeof *list, by_time);
  for (size_t i = 0; i < there; i++) total += list[i].size;
  for (size_t i = 0; i < there && (there - i > count || total > octets); i++) {
    maud_unlinkat(versions, list[i].name, false);
    total -= list[i].size;
  }
  free(list);
}

/* ---- New times ---- */
static int restamp_one(int directory, const char *name, int64_t time, struct maud_status *status) {
  int fd = maud_openat(directory, name, MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK, 0);
  if (fd < 0) return fd;
  int result = maud_set_modification_time_fd(fd, time);
  if (result == 0) result = maud_fstat(fd, status);
  maud_close(fd);
  return result;
}
static int restamp_at(struct maud_restamp *r, const char **names, size_t i) {
  int result = restamp_one(maud_store_directory_descriptor(r->directory), names[i], r->first + (int64_t)i * 1000, &r->status[i]);
  if (result < 0 && result != -ENOENT) { fail(&r->outcome, "utimensat", result); return result; }
  r->restamped++;
  return 0;
}
/* The first of the names, which are in the order of their times, that has a later time than it is to get. */
static size_t first_ahead(struct maud_restamp *r, const char **names) {
  struct maud_status status;
  size_t i = 0;
  while (i < r->count && !(maud_statat(maud_store_directory_descriptor(r->directory), names[i], false, &status) == 0
                           && status.modification_time > r->first + (int64_t)i * 1000)) i++;
  return i;
}
/* Times that are taken back: the oldest file first. Times that are too early: the newest first. After a crash the others are still on their side
 * of those that are done, so the order holds, and they are found again. */
static void restamp_run(struct maud_job *job) {
  struct maud_restamp *r = (struct maud_restamp *)job;
  r->outcome.error = 0;
  r->restamped = 0;
  const char **names = malloc(r->count * sizeof *names);
  if (!names) { fail(&r->outcome, "malloc", -ENOMEM); return; }
  const char *name = r->names;
  for (size_t i = 0; i < r->count; i++, name += strlen(name) + 1) names[i] = name;
  maud_store_directory_raise(r->directory, r->first + (int64_t)r->count * 1000);
  size_t ahead = first_ahead(r, names);
  for (size_t i = ahead; i < r->count && r->outcome.error == 0; i++) restamp_at(r, names, i);
  for (size_t i = ahead; i-- > 0 && r->outcome.error == 0;) restamp_at(r, names, i);
  /* Times that a clock ran ahead to are gone: the next file need not be ahead of them. */
  if (r->restamped == r->count) maud_store_directory_reset(r->directory, r->first + (int64_t)r->count * 1000);
  free(names);
  int result = maud_fault("syncfs");
  if (result <= 0) result = syncfs(maud_store_directory_descriptor(r->directory)) < 0 ? errno : 0;
  fail(&r->outcome, "syncfs", -result);
}
struct maud_restamp *maud_restamp_create(maud_store_directory *directory, const void *names, size_t names_size, size_t count) {
  struct maud_restamp *r = calloc(1, sizeof *r + count * sizeof(struct maud_status) + names_size + 1);
  if (!r) return NULL;
  r->job.run = restamp_run;
  r->directory = directory;
  r->status = (struct maud_status *)(r + 1);
  r->names = (const char *)(r->status + count);
  r->count = count;
  memcpy((char *)(r->status + count), names, names_size);
  return r;
}
