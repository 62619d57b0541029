#define _GNU_SOURCE 1
#include "internal.h"
#include "store_internal.h"
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct maud_store_directory { int fd; int64_t newest; };

int maud_store_directory_open(int parent, const char *path, maud_store_directory **directory) {
  int fd = maud_openat(parent, path, MAUD_READ | MAUD_DIRECTORY | MAUD_NOFOLLOW, 0);
  if (fd < 0) return fd;
  maud_store_directory *d = malloc(sizeof *d);
  if (!d) { maud_close(fd); return -ENOMEM; }
  d->fd = fd;
  d->newest = 0;
  *directory = d;
  return 0;
}
void maud_store_directory_close(maud_store_directory *directory) { maud_close(directory->fd); free(directory); }
int maud_store_directory_descriptor(const maud_store_directory *directory) { return directory->fd; }
void maud_store_directory_reset(maud_store_directory *directory, int64_t time) { __atomic_store_n(&directory->newest, time, __ATOMIC_RELAXED); }
int64_t maud_store_directory_newest(const maud_store_directory *directory) { return __atomic_load_n(&directory->newest, __ATOMIC_RELAXED); }
void maud_store_directory_raise(maud_store_directory *directory, int64_t time) {
  int64_t seen = maud_store_directory_newest(directory);
  while (time > seen && !__atomic_compare_exchange_n(&directory->newest, &seen, time, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) { }
}

static void fail(struct maud_outcome *outcome, const char *call, int result) {
  if (result < 0 && outcome->error == 0) { outcome->error = -result; outcome->call = call; }
}

/* ---- Looking at one file ---- */
int maud_store_hash(int fd, uint8_t *head, size_t head_capacity, size_t *head_count, uint8_t sum[32]) {
  crypto_hash_sha256_state state;
  uint8_t buffer[16384];
  size_t kept = 0;
  crypto_hash_sha256_init(&state);
  for (int64_t offset = 0;;) {
    intptr_t n = maud_pread(fd, buffer, sizeof buffer, offset);
    if (n < 0) return (int)n;
    if (n == 0) break;
    crypto_hash_sha256_update(&state, buffer, (size_t)n);
    size_t step = head_capacity - kept < (size_t)n ? head_capacity - kept : (size_t)n;
    if (step > 0) memcpy(head + kept, buffer, step);
    kept += step;
    offset += n;
  }
  crypto_hash_sha256_final(&state, sum);
  if (head_count) *head_count = kept;
  return 0;
}
/* Whether a program has the file open for writing: then a read lease is refused. File systems without leases say no. */
static bool is_being_written(int fd) {
  /* A program that opens it while we hold the lease must not end us: the signal becomes one that is ignored. */
  if (fcntl(fd, F_SETSIG, SIGURG) < 0) return false;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) return errno == EAGAIN;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}
static bool changed(const struct maud_status *a, const struct maud_status *b) {
  return a->size != b->size || a->modification_time != b->modification_time || a->change_time != b->change_time;
}
/* A file that came from elsewhere: durable, and newer than all before it, before anyone hears of it. */
static int welcome(struct maud_examination *e, int fd) {
  int result = maud_fsync(fd);
  if (result == 0) result = maud_fsync(e->directory->fd);
  if (result < 0) return result;
  if (e->is_known && e->known_time == e->status.modification_time && memcmp(e->known_sum, e->sum, 32) == 0) return 0;
  int64_t newest = maud_store_directory_newest(e->directory), time = e->status.modification_time;
  const int64_t tolerance = 10000000000; /* clocks of network file systems */
  if (time > newest && time <= e->now + tolerance) return 0;
  time = e->now > newest ? e->now : newest + 1000;
  result = maud_set_modification_time_fd(fd, time);
  return result < 0 ? result : maud_fstat(fd, &e->status);
}
static void examine(struct maud_job *job) {
  struct maud_examination *e = (struct maud_examination *)job;
  struct maud_status after;
  e->outcome.error = 0;
  int fd = maud_openat(e->directory->fd, e->path, MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK, 0);
  if (fd < 0) { fail(&e->outcome, "open", fd); return; }
  int result = maud_fstat(fd, &e->status);
  if (result == 0 && e->status.kind != MAUD_FILE_REGULAR) result = -ENOENT;
  if (result == 0 && e->status.size > e->size_limit) result = -EFBIG;
  if (result == 0 && is_being_written(fd)) result = -EBUSY;
  if (result == 0) result = maud_store_hash(fd, e->head, e->head_capacity, &e->head_count, e->sum);
  if (result == 0) result = maud_fstat(fd, &after);
  if (result == 0 && changed(&e->status, &after)) result = -EBUSY;
  if (result == 0 && e->arrival && !e->is_version) result = welcome(e, fd);
  if (result == 0 && !e->is_version) maud_store_directory_raise(e->directory, e->status.modification_time);
  fail(&e->outcome, "read", result);
  maud_close(fd);
}
struct maud_examination *maud_examination_create(maud_store_directory *directory, const void *path, size_t path_count, size_t head_capacity) {
  struct maud_examination *e = calloc(1, sizeof *e + path_count + 1 + head_capacity);
  if (!e) return NULL;
  char *copy = (char *)(e + 1);
  memcpy(copy, path, path_count);
  e->job.run = examine;
  e->directory = directory;
  e->path = copy;
  e->head = (uint8_t *)copy + path_count + 1;
  e->head_capacity = head_capacity;
  return e;
}

/* ---- Listing a directory in portions ---- */
static bool is_leftover(const char *name) {
  int pid, end = 0;
  unsigned number;
  return sscanf(name, ".maud-%d-%u.tmp%n", &pid, &number, &end) == 2 && end > 0 && name[end] == 0
    && (pid == (int)getpid() || !maud_process_exists(pid));
}
static size_t entry_size(size_t name_count) { return (sizeof(struct maud_status) + name_count + 1 + 7) & ~(size_t)7; }

static int scan_begin(struct maud_scan *scan) {
  scan->descriptor = maud_openat(scan->directory->fd, scan->path, MAUD_READ | MAUD_DIRECTORY | MAUD_NOFOLLOW, 0);
  if (scan->descriptor < 0) return scan->descriptor;
  /* What a killed process renamed and had not synced yet: nothing is listed before. */
  int result = maud_fsync(scan->descriptor);
  return result < 0 ? result : maud_directory_open(scan->descriptor, &scan->stream);
}
static void scan_end(struct maud_scan *scan) {
  if (scan->stream) maud_directory_close(scan->stream);
  if (scan->descriptor >= 0) maud_close(scan->descriptor);
  scan->stream = NULL;
  scan->descriptor = -1;
}
static void scan_run(struct maud_job *job) {
  struct maud_scan *scan = (struct maud_scan *)job;
  const char *name;
  int result = 0;
  scan->outcome.error = 0;
  scan->used = scan->read = 0;
  if (!scan->stream) result = scan_begin(scan);
  while (result == 0 && sizeof scan->portion - scan->used >= entry_size(255)) {
    result = maud_directory_next(scan->stream, &name);
    if (result <= 0) { scan->is_complete = true; break; }
    result = 0;
    if (name[0] == '.') {
      if (scan->clean && is_leftover(name)) maud_unlinkat(scan->descriptor, name, false);
      continue;
    }
    struct maud_status status;
    if (maud_statat(scan->descriptor, name, false, &status) < 0) continue; /* gone meanwhile */
    size_t count = strlen(name);
    memcpy(scan->portion + scan->used, &status, sizeof status);
    memcpy(scan->portion + scan->used + sizeof status, name, count + 1);
    scan->used += entry_size(count);
  }
  if (result < 0) scan->is_complete = true;
  if (scan->is_complete) scan_end(scan);
  fail(&scan->outcome, "readdir", result);
}
bool maud_scan_next(struct maud_scan *scan, struct maud_status *status, const char **name) {
  if (scan->read >= scan->used) return false;
  memcpy(status, scan->portion + scan->read, sizeof *status);
  *name = (const char *)scan->portion + scan->read + sizeof *status;
  scan->read += entry_size(strlen(*name));
  return true;
}
struct maud_scan *maud_scan_create(maud_store_directory *directory, const void *path, size_t path_count) {
  struct maud_scan *scan = malloc(sizeof *scan + path_count + 1);
  if (!scan) return NULL;
  memset(scan, 0, offsetof(struct maud_scan, portion));
  char *copy = (char *)(scan + 1);
  memcpy(copy, path, path_count);
  copy[path_count] = 0;
  scan->job.run = scan_run;
  scan->directory = directory;
  scan->path = copy;
  scan->descriptor = -1;
  return scan;
}

void maud_store_free(struct maud_job *job) {
  if (!job) return;
  if (job->run == scan_run) scan_end((struct maud_scan *)job);
  free(job);
}
