#define _GNU_SOURCE 1
#include "internal.h"
#include <stdlib.h>
#include <string.h>

/* Unfinished things lie beside `.mau`, not in it: other programs read everything in there as keys. */
#define TEMPORARY ".maud-key.tmp"
#define PREPARED ".maud-keys"

enum kind { WRITE, REMOVE, REPLACE };
struct step {
  struct step *next;
  enum kind kind;
  int64_t time;
  size_t count;
  char group[72], name[48];
  unsigned char octets[];
};
struct maud_keys {
  struct maud_job job;
  struct step *first, **last;
  int error;
  char root[];
};

static int failed(struct maud_keys *k, int result) {
  if (result < 0 && k->error == 0) k->error = -result;
  return result;
}
#define TRY(expression) do { int result_ = (expression); if (result_ < 0) return failed(k, result_); } while (0)

/* A whole file, on the disk, under a name that is not there yet. */
static int write_file(struct maud_keys *k, int directory, const char *name, const struct step *s) {
  int fd = maud_openat(directory, name, MAUD_WRITE | MAUD_CREATE | MAUD_EXCLUSIVE | MAUD_NOFOLLOW, 0600);
  TRY(fd);
  int result = maud_write_all(fd, s->octets, s->count);
  if (result >= 0 && s->time != 0) result = maud_set_modification_time_fd(fd, s->time);
  /* The content must be on the disk before the name is: else a crash leaves an empty file under it. */
  if (result >= 0) result = maud_fsync(fd);
  maud_close(fd);
  return failed(k, result < 0 ? result : 0);
}
static int open_directory(int directory, const char *path) { return maud_openat(directory, path, MAUD_READ | MAUD_DIRECTORY | MAUD_NOFOLLOW, 0); }

/* What a change that did not end left: before the exchange it was not in use yet, afterwards it is no more. */
static void tidy(int root) {
  maud_unlinkat(root, TEMPORARY, false);
  int prepared = open_directory(root, PREPARED);
  if (prepared < 0) return;
  maud_directory *stream;
  const char *name;
  if (maud_directory_open(prepared, &stream) == 0) {
    while (maud_directory_next(stream, &name) == 1) maud_unlinkat(prepared, name, false);
    maud_directory_close(stream);
  }
  maud_close(prepared);
  maud_unlinkat(root, PREPARED, true);
}
void maud_keys_tidy(const char *path) {
  int root = maud_openat(MAUD_AT_CWD, path, MAUD_READ | MAUD_DIRECTORY, 0);
  if (root < 0) return;
  tidy(root);
  maud_close(root);
}

static int write_key(struct maud_keys *k, int root, int mau, int group, const struct step *s) {
  int result = write_file(k, root, TEMPORARY, s);
  if (result >= 0) result = failed(k, maud_renameat(root, TEMPORARY, group, s->name));
  if (result < 0) { maud_unlinkat(root, TEMPORARY, false); return result; }
  TRY(maud_fsync(group));
  /* The group itself may be new. */
  if (group != mau) TRY(maud_fsync(mau));
  return 0;
}
static int remove_key(struct maud_keys *k, int group, const struct step *s) {
  int result = maud_unlinkat(group, s->name, false);
  if (result == -ENOENT) return 0;
  TRY(result);
  TRY(maud_fsync(group));
  return 0;
}
/* The group as it shall be is made beside it and takes its place in one step (RENAME_EXCHANGE). */
static int replace_group(struct maud_keys *k, int root, int mau, const struct step *s) {
  TRY(maud_mkdirat(root, PREPARED, 0700));
  int prepared = open_directory(root, PREPARED);
  TRY(prepared);
  int result = write_file(k, prepared, s->name, s);
  if (result >= 0) result = failed(k, maud_fsync(prepared));
  maud_close(prepared);
  if (result < 0) return result;
  TRY(maud_renameat_exchange(root, PREPARED, mau, s->group));
  TRY(maud_fsync(mau));
  TRY(maud_fsync(root));
  return 0;
}
static int run_step(struct maud_keys *k, int root, int mau, const struct step *s) {
  if (s->kind == REPLACE) return replace_group(k, root, mau, s);
  if (s->group[0] == 0) return s->kind == WRITE ? write_key(k, root, mau, mau, s) : remove_key(k, mau, s);
  int made = s->kind == WRITE ? maud_mkdirat(mau, s->group, 0700) : -EEXIST;
  if (made != -EEXIST) TRY(made);
  int group = open_directory(mau, s->group);
  if (group == -ENOENT && s->kind == REMOVE) return 0;
  TRY(group);
  int result = s->kind == WRITE ? write_key(k, root, mau, group, s) : remove_key(k, group, s);
  maud_close(group);
  if (result < 0 && made == 0) maud_unlinkat(mau, s->group, true);
  return result;
}
static void run(struct maud_job *job) {
  struct maud_keys *k = (struct maud_keys *)job;
  k->error = 0;
  int root = maud_openat(MAUD_AT_CWD, k->root, MAUD_READ | MAUD_DIRECTORY, 0);
  int mau = root < 0 ? root : maud_openat(root, ".mau", MAUD_READ | MAUD_DIRECTORY, 0);
  failed(k, root);
  failed(k, mau);
  if (mau >= 0) {
    tidy(root);
    for (struct step *s = k->first; s && run_step(k, root, mau, s) >= 0; s = s->next) {}
    tidy(root);
    maud_close(mau);
  }
  if (root >= 0) maud_close(root);
}

maud_keys *maud_keys_create(const char *root) {
  size_t count = strlen(root) + 1;
  struct maud_keys *k = calloc(1, sizeof *k + count);
  if (!k) return NULL;
  memcpy(k->root, root, count);
  k->job.run = run;
  k->last = &k->first;
  return k;
}
void maud_keys_free(maud_keys *k) {
  for (struct step *s = k->first, *next; s; s = next) { next = s->next; free(s); }
  free(k);
}
static int add(maud_keys *k, enum kind kind, const char *group, const char *name, const void *octets, size_t count, int64_t time) {
  struct step *s = calloc(1, sizeof *s + count);
  if (!s) return -ENOMEM;
  if (strlen(group) >= sizeof s->group || strlen(name) >= sizeof s->name) { free(s); return -ENAMETOOLONG; }
  s->kind = kind;
  s->time = time;
  s->count = count;
  strcpy(s->group, group);
  strcpy(s->name, name);
  if (count > 0) memcpy(s->octets, octets, count);
  *k->last = s;
  k->last = &s->next;
  return 0;
}
int maud_keys_write(maud_keys *k, const char *group, const char *name, const void *octets, size_t count, int64_t time) {
  return add(k, WRITE, group, name, octets, count, time);
}
int maud_keys_remove(maud_keys *k, const char *group, const char *name) { return add(k, REMOVE, group, name, NULL, 0, 0); }
int maud_keys_replace(maud_keys *k, const char *group, const char *name, const void *octets, size_t count) {
  return add(k, REPLACE, group, name, octets, count, 0);
}
struct maud_job *maud_keys_job(maud_keys *k) { return &k->job; }
int maud_keys_error(const maud_keys *k) { return k->error; }
