#define _GNU_SOURCE 1
#include "internal.h"
#include "store_internal.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One file is written like this, and every step is in this order for a reason:
 *   1. the previous content gets a second name in the versions directory, and that directory is synced: from here on
 *      it cannot be lost;
 *   2. the new content is written to a temporary file with its final time, and synced: a rename must never become
 *      durable before the octets it names;
 *   3. the rename replaces the old file at once;
 *   4. the directory is synced: only now does the file survive a power cut, and only now is it acknowledged.
 * ext4 writes a journal for each fsync, which is ten times what a batch of readings has; but there one does for both. In 2 the octets only go
 * to the card, without the journal: whatever commit has the rename has the file's size and blocks too, and makes the card write back its cache before.
 * In 4 the file is synced under its new name, which on ext4 takes the name along, with a journal (one commit) and without (the directory is
 * written with a file that got a name since). */

struct work {
  int fd, previous, versions;
  char temporary[80];
  char versions_name[300];
  char version_name[80];
  bool temporary_exists, versions_made, version_made, one_sync;
};

static int failed(struct maud_put *put, const char *call, int result) {
  if (result < 0 && put->outcome.error == 0) { put->outcome.error = -result; put->outcome.call = call; }
  return result;
}
#define TRY(call, expression) do { int result_ = (int)(expression); if (result_ < 0) return failed(put, call, result_); } while (0)

int maud_store_temporary(int directory, char name[64]) {
  static unsigned counter;
  for (;;) {
    snprintf(name, 64, ".maud-%d-%u.tmp", (int)getpid(), __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED));
    int fd = maud_openat(directory, name, MAUD_READ | MAUD_WRITE | MAUD_CREATE | MAUD_EXCLUSIVE | MAUD_NOFOLLOW, 0600);
    if (fd != -EEXIST) return fd;
  }
}
static bool same(const struct maud_status *a, const struct maud_status *b) {
  return a->size == b->size && a->modification_time == b->modification_time && a->change_time == b->change_time
    && a->inode == b->inode;
}

/* A copy of the previous content, where the file system has no hard links. */
static int copy_previous(struct maud_put *put, struct work *w, const struct maud_status *status) {
  char name[64];
  uint8_t buffer[8192];
  int fd = maud_store_temporary(w->versions, name);
  if (fd < 0) return failed(put, "open", fd);
  int result = 0;
  for (int64_t offset = 0; result == 0 && offset < status->size;) {
    intptr_t n = maud_pread(w->previous, buffer, sizeof buffer, offset);
    result = n < 0 ? (int)n : n == 0 ? -EBUSY : maud_write_all(fd, buffer, (size_t)n);
    offset += n > 0 ? n : 0;
  }
  if (result == 0) result = maud_set_modification_time_fd(fd, status->modification_time);
  if (result == 0) result = maud_fsync(fd);
  maud_close(fd);
  if (result == 0) result = maud_renameat(w->versions, name, w->versions, w->version_name);
  if (result < 0) { maud_unlinkat(w->versions, name, false); return failed(put, "copy of the version", result); }
  w->version_made = true;
  return 0;
}
/* The second name of the previous content; -EXDEV when it must be copied instead. */
static int link_previous(struct maud_put *put, struct work *w, const struct maud_status *status) {
  int directory = maud_store_directory_descriptor(put->directory);
  struct maud_status there;
  int result = maud_linkat(directory, put->name, w->versions, w->version_name);
  if (result == -EPERM || result == -EOPNOTSUPP || result == -ENOSYS || result == -EMLINK || result == -ENOENT) return -EXDEV;
  if (result < 0) return result;
  w->version_made = true;
  /* Someone may have replaced the file after it was opened: then the name leads to something else. */
  TRY("stat", maud_statat(w->versions, w->version_name, false, &there));
  if (there.inode == status->inode) return 0;
  TRY("unlink", maud_unlinkat(w->versions, w->version_name, false));
  w->version_made = false;
  return -EXDEV;
}
static int open_versions(struct maud_put *put, struct work *w) {
  int directory = maud_store_directory_descriptor(put->directory);
  snprintf(w->versions_name, sizeof w->versions_name, "%s.versions", put->name);
  int made = maud_mkdirat(directory, w->versions_name, 0700);
  if (made < 0 && made != -EEXIST) return failed(put, "mkdir", made);
  w->versions_made = made == 0;
  w->versions = maud_openat(directory, w->versions_name, MAUD_READ | MAUD_DIRECTORY | MAUD_NOFOLLOW, 0);
  if (w->versions < 0) return failed(put, "open", w->versions);
  /* Its name must be durable before anything in it counts. */
  if (w->versions_made) TRY("fsync", maud_fsync(directory));
  return 0;
}
/* Whether a whole version of this sum lies there already, with our suffix or without, as the Go implementation writes it. */
static bool version_exists(const struct work *w, int64_t size) {
  struct maud_status there;
  char bare[65];
  memcpy(bare, w->version_name, 64);
  bare[64] = 0;
  return (maud_statat(w->versions, w->version_name, false, &there) == 0 && there.kind == MAUD_FILE_REGULAR && there.size == size)
    || (maud_statat(w->versions, bare, false, &there) == 0 && there.kind == MAUD_FILE_REGULAR && there.size == size);
}

static int keep_previous(struct maud_put *put, struct work *w) {
  struct maud_status status;
  w->previous = maud_openat(maud_store_directory_descriptor(put->directory), put->name, MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK, 0);
  if (w->previous == -ENOENT) return 0;
  if (w->previous < 0) return failed(put, "open", w->previous);
  TRY("fstat", maud_fstat(w->previous, &status));
  if (status.kind != MAUD_FILE_REGULAR) return failed(put, "open", -EISDIR);
  if (put->previous_is_known && same(&status, &put->previous)) memcpy(put->version_sum, put->previous_sum, 32);
  else TRY("read", maud_store_hash(w->previous, NULL, 0, NULL, put->version_sum));
  if (memcmp(put->version_sum, put->sum, 32) == 0) return 0; /* the same content again: nothing would be lost */
  for (int i = 0; i < 32; i++) {
    w->version_name[2 * i] = "0123456789abcdef"[put->version_sum[i] >> 4];
    w->version_name[2 * i + 1] = "0123456789abcdef"[put->version_sum[i] & 15];
  }
  memcpy(w->version_name + 64, ".pgp", 5);
  int result = open_versions(put, w);
  if (result < 0) return result;
  if (version_exists(w, status.size)) return 0;
  TRY("fsync", maud_fsync(w->previous)); /* another program may have written it without */
  maud_unlinkat(w->versions, w->version_name, false); /* one of another size: damaged */
  result = link_previous(put, w, &status);
  if (result == -EXDEV) result = copy_previous(put, w, &status);
  if (result < 0) return failed(put, "link", result);
  TRY("fsync", maud_fsync(w->versions));
  put->kept = true;
  return 0;
}

static int open_temporary(struct maud_put *put, struct work *w) {
  int directory = maud_store_directory_descriptor(put->directory);
  if (put->received) snprintf(w->temporary, sizeof w->temporary, "%s", put->received);
  w->fd = put->received ? maud_openat(directory, w->temporary, MAUD_READ | MAUD_NOFOLLOW, 0) : maud_store_temporary(directory, w->temporary);
  if (w->fd < 0) return failed(put, "open", w->fd);
  w->temporary_exists = !put->received;
  if (!put->received) TRY("write", maud_write_all(w->fd, put->octets, put->count));
  return 0;
}
static int write_temporary(struct maud_put *put, struct work *w) {
  int result = open_temporary(put, w);
  if (result < 0) return result;
  int64_t newest = maud_store_directory_newest(put->directory);
  int64_t time = put->now > newest ? put->now : newest + 1000;
  TRY("utimensat", maud_set_modification_time_fd(w->fd, time));
  w->one_sync = maud_syncs_names(w->fd) && maud_write_back(w->fd) == 0;
  if (!w->one_sync) TRY("fsync", maud_fsync(w->fd));
  TRY("fstat", maud_fstat(w->fd, &put->status));
  maud_store_directory_raise(put->directory, time);
  /* Closed under this name: under its final one the kernel would report a file that someone wrote. */
  int reader = w->one_sync ? maud_openat(maud_store_directory_descriptor(put->directory), w->temporary, MAUD_READ | MAUD_NOFOLLOW, 0) : -1;
  maud_close(w->fd);
  w->fd = reader;
  return w->one_sync ? failed(put, "open", reader) : 0;
}
/* The change time is that of the rename. Another program may have put another file there since: then the store sees a
 * file that is not the one we wrote, and looks at it. */
static int look_again(struct maud_put *put, int directory) {
  struct maud_status status;
  int result = maud_statat(directory, put->name, false, &status);
  if (result == -ENOENT) return 0;
  if (result == 0 && status.inode == put->status.inode && status.size == put->status.size
      && status.modification_time == put->status.modification_time) put->status = status;
  return result;
}
static int publish(struct maud_put *put, struct work *w) {
  int directory = maud_store_directory_descriptor(put->directory);
  if (put->exclusive) TRY("rename", maud_renameat_exclusive(directory, w->temporary, directory, put->name));
  else TRY("rename", maud_renameat(directory, w->temporary, directory, put->name));
  w->temporary_exists = false;
  w->version_made = w->versions_made = false; /* from here on they hold what was replaced */
  int result = maud_fsync(w->one_sync ? w->fd : directory);
  if (result == 0) result = look_again(put, directory);
  if (result == 0 && put->kept) result = maud_statat(w->versions, w->version_name, false, &put->version_status);
  /* Not acknowledged, so the caller will try again under the same name. */
  if (result < 0 && put->exclusive) maud_unlinkat(directory, put->name, false);
  return failed(put, "fsync", result);
}

static void put_run(struct maud_job *job) {
  struct maud_put *put = (struct maud_put *)job;
  struct work w = { .fd = -1, .previous = -1, .versions = -1 };
  put->outcome.error = 0;
  if (!put->received) crypto_hash_sha256(put->sum, put->octets, put->count);
  int result = put->keep_version && !put->exclusive ? keep_previous(put, &w) : 0;
  if (result >= 0) result = write_temporary(put, &w);
  if (result >= 0) result = publish(put, &w);
  int directory = maud_store_directory_descriptor(put->directory);
  if (w.temporary_exists) maud_unlinkat(directory, w.temporary, false);
  if (w.version_made) maud_unlinkat(w.versions, w.version_name, false);
  if (w.versions_made) maud_unlinkat(directory, w.versions_name, true);
  if (result >= 0 && w.versions >= 0) maud_store_trim(w.versions, put->version_count, put->version_octets);
  if (w.fd >= 0) maud_close(w.fd);
  if (w.previous >= 0) maud_close(w.previous);
  if (w.versions >= 0) maud_close(w.versions);
}

struct maud_put *maud_put_create(maud_store_directory *directory, const void *name, size_t name_count, const void *octets, size_t count) {
  struct maud_put *put = calloc(1, sizeof *put + name_count + 1 + count);
  if (!put) return NULL;
  char *copy = (char *)(put + 1);
  memcpy(copy, name, name_count);
  if (count > 0) memcpy(copy + name_count + 1, octets, count);
  put->job.run = put_run;
  put->directory = directory;
  put->name = copy;
  put->octets = (const uint8_t *)copy + name_count + 1;
  put->count = count;
  return put;
}
