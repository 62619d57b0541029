#define _GNU_SOURCE 1
#include "internal.h"
#include "store_internal.h"
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The sum runs along with what is written, so that the end of a large file costs no second reading. */
struct receive {
  struct maud_receive base;
  crypto_hash_sha256_state state;
  int64_t flushed;
};

static int failed(struct receive *r, const char *call, int result) {
  if (result < 0 && r->base.outcome.error == 0) { r->base.outcome.error = -result; r->base.outcome.call = call; }
  return result;
}

/* The first file of a friend after the start: of what an earlier process left, only this can be of use. */
static void remove_unlocked(int directory, const char *name) {
  int fd = maud_openat(directory, name, MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK, 0);
  if (fd >= 0 && maud_lock(fd, true, false) == 0) maud_unlinkat(directory, name, false);
  if (fd >= 0) maud_close(fd);
}
static void clean(struct receive *r, int directory) {
  maud_directory *stream;
  const char *name;
  if (maud_directory_open(directory, &stream) < 0) return;
  while (maud_directory_next(stream, &name) == 1) {
    size_t length = strlen(name);
    if (length == 75 && strncmp(name, ".maud-", 6) == 0 && strcmp(name + 70, ".part") == 0 && strcmp(name, r->base.name) != 0)
      remove_unlocked(directory, name);
  }
  maud_directory_close(stream);
}
static int restart(struct receive *r) {
  crypto_hash_sha256_init(&r->state);
  r->base.offset = r->flushed = 0;
  if (maud_fault("ftruncate") > 0) return failed(r, "ftruncate", -EIO);
  return ftruncate(r->base.descriptor, 0) < 0 ? failed(r, "ftruncate", -errno) : 0;
}
static int begin(struct receive *r) {
  uint8_t buffer[16384];
  int directory = maud_store_directory_descriptor(r->base.directory);
  if (r->base.clean) clean(r, directory);
  r->base.descriptor = maud_openat(directory, r->base.name, MAUD_READ | MAUD_WRITE | MAUD_CREATE | MAUD_NOFOLLOW, 0600);
  if (r->base.descriptor < 0) return failed(r, "open", r->base.descriptor);
  /* Another program of ours may be receiving the same file. */
  int result = maud_lock(r->base.descriptor, true, false);
  if (result < 0) return failed(r, "flock", result);
  struct maud_status status;
  result = maud_fstat(r->base.descriptor, &status);
  if (result < 0) return failed(r, "fstat", result);
  if (status.kind != MAUD_FILE_REGULAR || status.links != 1) return failed(r, "open", -EEXIST);
  crypto_hash_sha256_init(&r->state);
  r->base.offset = 0;
  if (status.size > r->base.size) return restart(r);
  while (r->base.offset < status.size) {
    intptr_t n = maud_pread(r->base.descriptor, buffer, sizeof buffer, r->base.offset);
    if (n <= 0) return restart(r); /* it cannot be read again: then it is received again */
    crypto_hash_sha256_update(&r->state, buffer, (size_t)n);
    r->base.offset += n;
  }
  r->flushed = r->base.offset;
  return lseek(r->base.descriptor, r->base.offset, SEEK_SET) < 0 ? failed(r, "lseek", -errno) : 0;
}
static int append(struct receive *r) {
  if (lseek(r->base.descriptor, r->base.offset, SEEK_SET) < 0) return failed(r, "lseek", -errno);
  for (size_t done = 0; done < r->base.count;) {
    intptr_t n = maud_write(r->base.descriptor, r->base.octets + done, r->base.count - done);
    if (n <= 0) return failed(r, "write", n < 0 ? (int)n : -EIO);
    crypto_hash_sha256_update(&r->state, r->base.octets + done, (size_t)n);
    done += (size_t)n;
    r->base.offset += n;
  }
  /* The disk begins now, so that the fsync at the end does not keep the worker from others' files for seconds. */
  if (r->base.offset - r->flushed >= 1 << 20) {
    sync_file_range(r->base.descriptor, r->flushed, r->base.offset - r->flushed, SYNC_FILE_RANGE_WRITE);
    r->flushed = r->base.offset;
  }
  return 0;
}
static int remove_file(struct receive *r) {
  int result = maud_unlinkat(maud_store_directory_descriptor(r->base.directory), r->base.name, false);
  return result == -ENOENT ? 0 : failed(r, "unlink", result);
}
static int finish(struct receive *r) {
  uint8_t sum[32];
  crypto_hash_sha256_state state = r->state;
  crypto_hash_sha256_final(&state, sum);
  if (r->base.offset != r->base.size || memcmp(sum, r->base.expected, 32) != 0) {
    remove_file(r);
    return failed(r, "read", -EBADMSG);
  }
  /* Nobody writes it any more: closed later, under its final name, the kernel would report a file that someone wrote. */
  maud_close(r->base.descriptor);
  r->base.descriptor = maud_openat(maud_store_directory_descriptor(r->base.directory), r->base.name, MAUD_READ | MAUD_NOFOLLOW, 0);
  return r->base.descriptor < 0 ? failed(r, "open", r->base.descriptor) : 0;
}
static void run(struct maud_job *job) {
  struct receive *r = (struct receive *)job;
  r->base.outcome.error = 0;
  switch (r->base.step) {
  case MAUD_RECEIVE_BEGIN: begin(r); break;
  case MAUD_RECEIVE_APPEND: append(r); break;
  case MAUD_RECEIVE_RESTART: restart(r); break;
  case MAUD_RECEIVE_FINISH: finish(r); break;
  case MAUD_RECEIVE_REMOVE: remove_file(r); break;
  }
}
struct maud_receive *maud_receive_create(maud_store_directory *directory, const uint8_t sum[32], int64_t size) {
  struct receive *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->base.job.run = run;
  r->base.directory = directory;
  r->base.size = size;
  r->base.descriptor = -1;
  memcpy(r->base.expected, sum, 32);
  memcpy(r->base.name, ".maud-", 6);
  for (int i = 0; i < 32; i++) snprintf(r->base.name + 6 + 2 * i, 3, "%02x", sum[i]);
  memcpy(r->base.name + 70, ".part", 6);
  return &r->base;
}
const char *maud_receive_name(const struct maud_receive *receive) { return receive->name; }
void maud_receive_free(struct maud_receive *receive) {
  if (receive->descriptor >= 0) maud_close(receive->descriptor);
  free(receive);
}
