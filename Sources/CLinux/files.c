#define _GNU_SOURCE 1
#include "internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* linux/magic.h */
enum { TMPFS = 0x01021994, RAMFS = 0x858458f6, EXT4 = 0xef53 };

const char *maud_error_text(int error) { return strerror(error); }

#ifdef MAUD_FAULTS
static maud_fault_function fault_function;
static void *fault_context;
void maud_set_fault(maud_fault_function function, void *context) { fault_context = context; fault_function = function; }
int maud_fault(const char *call) { return fault_function ? fault_function(call, fault_context) : 0; }
#else
void maud_set_fault(maud_fault_function function, void *context) { (void)function; (void)context; }
#endif

int maud_openat(int directory, const char *path, int flags, unsigned mode) {
  FAULT("openat");
  int f = O_CLOEXEC;
  if (flags & MAUD_WRITE) f |= flags & MAUD_READ ? O_RDWR : O_WRONLY;
  if (flags & MAUD_CREATE) f |= O_CREAT;
  if (flags & MAUD_EXCLUSIVE) f |= O_EXCL;
  if (flags & MAUD_DIRECTORY) f |= O_DIRECTORY;
  if (flags & MAUD_NOFOLLOW) f |= O_NOFOLLOW;
  if (flags & MAUD_NONBLOCK) f |= O_NONBLOCK;
  if (flags & MAUD_TRUNCATE) f |= O_TRUNC;
  if (flags & MAUD_PATH) f |= O_PATH;
  if (flags & MAUD_APPEND) f |= O_APPEND;
  int fd;
  do fd = openat(directory, path, f, mode); while (fd < 0 && errno == EINTR);
  return RESULT(fd);
}
int maud_close(int fd) { return RESULT(close(fd)); }
intptr_t maud_read(int fd, void *buffer, size_t count) {
  FAULT("read");
  ssize_t n;
  do n = read(fd, buffer, count); while (n < 0 && errno == EINTR);
  return RESULT(n);
}
intptr_t maud_pread(int fd, void *buffer, size_t count, int64_t offset) {
  FAULT("pread");
  ssize_t n;
  do n = pread(fd, buffer, count, offset); while (n < 0 && errno == EINTR);
  return RESULT(n);
}
intptr_t maud_write(int fd, const void *buffer, size_t count) {
  int fault = maud_fault("write");
  if (fault > 0) return -fault;
  if (fault < 0 && (size_t)-fault < count) count = (size_t)-fault;
  ssize_t n;
  do n = write(fd, buffer, count); while (n < 0 && errno == EINTR);
  return RESULT(n);
}
int maud_write_all(int fd, const uint8_t *octets, size_t count) {
  while (count > 0) {
    intptr_t n = maud_write(fd, octets, count);
    if (n < 0) return (int)n;
    if (n == 0) return -EIO;
    octets += n;
    count -= (size_t)n;
  }
  return 0;
}
int maud_fsync(int fd) { FAULT("fsync"); return RESULT(fsync(fd)); }
int maud_write_back(int fd) {
  FAULT("sync_file_range");
  return RESULT(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
}
bool maud_syncs_names(int fd) {
  struct statfs s;
  return fstatfs(fd, &s) == 0 && (uint32_t)s.f_type == EXT4;
}

static void translate(const struct stat *s, struct maud_status *status) {
  status->size = s->st_size;
  status->modification_time = (int64_t)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec;
  status->change_time = (int64_t)s->st_ctim.tv_sec * 1000000000 + s->st_ctim.tv_nsec;
  status->inode = s->st_ino;
  status->device = s->st_dev;
  status->mode = s->st_mode & 07777;
  status->links = (uint32_t)s->st_nlink;
  status->user = s->st_uid;
  status->kind = S_ISREG(s->st_mode) ? MAUD_FILE_REGULAR : S_ISDIR(s->st_mode) ? MAUD_FILE_DIRECTORY
    : S_ISLNK(s->st_mode) ? MAUD_FILE_LINK : S_ISSOCK(s->st_mode) ? MAUD_FILE_SOCKET : MAUD_FILE_OTHER;
}
int maud_statat(int directory, const char *path, bool follow, struct maud_status *status) {
  FAULT("fstatat");
  struct stat s;
  if (fstatat(directory, path, &s, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  translate(&s, status);
  return 0;
}
int maud_fstat(int fd, struct maud_status *status) {
  FAULT("fstat");
  struct stat s;
  if (fstat(fd, &s) < 0) return -errno;
  translate(&s, status);
  return 0;
}
int maud_mkdirat(int directory, const char *path, unsigned mode) { FAULT("mkdirat"); return RESULT(mkdirat(directory, path, mode)); }
int maud_renameat(int od, const char *op, int nd, const char *np) { FAULT("renameat"); return RESULT(renameat(od, op, nd, np)); }
int maud_renameat_exclusive(int od, const char *op, int nd, const char *np) {
  FAULT("renameat");
  if (renameat2(od, op, nd, np, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -errno;
  if (linkat(od, op, nd, np, 0) < 0) return -errno;
  return RESULT(unlinkat(od, op, 0));
}
int maud_renameat_exchange(int od, const char *op, int nd, const char *np) {
  FAULT("renameat");
  return RESULT(renameat2(od, op, nd, np, RENAME_EXCHANGE));
}
int maud_linkat(int od, const char *op, int nd, const char *np) { FAULT("linkat"); return RESULT(linkat(od, op, nd, np, 0)); }
int maud_unlinkat(int directory, const char *path, bool remove_directory) {
  FAULT("unlinkat");
  return RESULT(unlinkat(directory, path, remove_directory ? AT_REMOVEDIR : 0));
}
static void times_of(int64_t nanoseconds, struct timespec t[2]) {
  int64_t seconds = nanoseconds / 1000000000, rest = nanoseconds % 1000000000;
  if (rest < 0) { rest += 1000000000; seconds -= 1; }
  t[0].tv_sec = 0; t[0].tv_nsec = UTIME_OMIT;
  t[1].tv_sec = (time_t)seconds; t[1].tv_nsec = (long)rest;
}
int maud_set_modification_time(int directory, const char *path, int64_t nanoseconds) {
  FAULT("utimensat");
  struct timespec t[2]; times_of(nanoseconds, t);
  return RESULT(utimensat(directory, path, t, AT_SYMLINK_NOFOLLOW));
}
int maud_set_modification_time_fd(int fd, int64_t nanoseconds) {
  FAULT("utimensat");
  struct timespec t[2]; times_of(nanoseconds, t);
  return RESULT(futimens(fd, t));
}
int maud_lock(int fd, bool exclusive, bool wait) {
  FAULT("flock");
  int r;
  do r = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)); while (r < 0 && errno == EINTR);
  return RESULT(r);
}
int maud_space(int fd, struct maud_space *space) {
  FAULT("fstatvfs");
  struct statvfs v;
  if (fstatvfs(fd, &v) < 0) return -errno;
  space->free_octets = (uint64_t)v.f_bavail * v.f_frsize;
  space->total_octets = (uint64_t)v.f_blocks * v.f_frsize;
  space->free_inodes = v.f_favail;
  return 0;
}
int maud_is_memory_file_system(int fd) {
  struct statfs s;
  if (fstatfs(fd, &s) < 0) return -errno;
  return (uint32_t)s.f_type == (uint32_t)RAMFS ? 2 : (uint32_t)s.f_type == TMPFS;
}
int maud_memory_file(const char *name) { FAULT("memfd_create"); return RESULT(memfd_create(name, MFD_CLOEXEC)); }
intptr_t maud_read_link(const char *path, void *buffer, size_t count) { FAULT("readlink"); return RESULT(readlink(path, buffer, count)); }
int maud_chmodat(int directory, const char *path, unsigned mode) { FAULT("fchmodat"); return RESULT(fchmodat(directory, path, mode, 0)); }

struct maud_directory { DIR *stream; };
int maud_directory_open(int fd, maud_directory **directory) {
  FAULT("opendir");
  /* A descriptor of its own, so that the position is its own too. */
  int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return -errno;
  DIR *stream = fdopendir(copy);
  if (!stream) { int e = errno; close(copy); return -e; }
  maud_directory *d = malloc(sizeof *d);
  if (!d) { closedir(stream); return -ENOMEM; }
  d->stream = stream;
  *directory = d;
  return 0;
}
int maud_directory_next(maud_directory *directory, const char **name) {
  FAULT("readdir");
  for (;;) {
    errno = 0;
    struct dirent *e = readdir(directory->stream);
    if (!e) return errno ? -errno : 0;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    *name = e->d_name;
    return 1;
  }
}
void maud_directory_close(maud_directory *directory) { closedir(directory->stream); free(directory); }
