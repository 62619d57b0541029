/* What the end-to-end tests change in a running program's world, by LD_PRELOAD:
 *   MAUD_TEST_CLOCK=FILE        CLOCK_REALTIME is off by the seconds that FILE holds (int64); changes take effect at once
 *   MAUD_TEST_BOOT=NANOSECONDS  the machine started at this CLOCK_BOOTTIME
 *   MAUD_TEST_CLOCK_SET=FIFO    a descriptor that waits for the clock to be set waits for an octet in FIFO instead
 *   MAUD_TEST_DISCIPLINED=FILE  somebody disciplines that clock as long as FILE is there; nobody otherwise
 *   MAUD_TEST_SYNC_DELAY=MS     fsync and fdatasync take that long
 * Children (gpg, gpg-agent) inherit it, so that a whole machine seems to have the wrong time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t offset(void) {
  static volatile int64_t *shared;
  if (!shared) {
    const char *path = getenv("MAUD_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (map == MAP_FAILED) return 0;
    shared = map;
  }
  return *shared;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += offset();
  const char *boot = clock == CLOCK_BOOTTIME ? getenv("MAUD_TEST_BOOT") : NULL;
  if (result == 0 && boot) {
    int64_t since = time->tv_sec * INT64_C(1000000000) + time->tv_nsec - atoll(boot);
    time->tv_sec = since / 1000000000;
    time->tv_nsec = since % 1000000000;
  }
  return result;
}
time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}
int adjtimex(struct timex *answer) {
  const char *path = getenv("MAUD_TEST_DISCIPLINED");
  if (answer->modes != 0) return -1;
  answer->maxerror = path && access(path, F_OK) == 0 ? 5000 : 16000000;
  return TIME_OK;
}
int timerfd_create(int clock, int flags) {
  static int (*real)(int, int);
  if (!real) real = (int (*)(int, int))dlsym(RTLD_NEXT, "timerfd_create");
  const char *fifo = getenv("MAUD_TEST_CLOCK_SET");
  if (clock != CLOCK_REALTIME || !fifo) return real(clock, flags);
  return open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}
int timerfd_settime(int fd, int flags, const struct itimerspec *next, struct itimerspec *old) {
  static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
  if (!real) real = (int (*)(int, int, const struct itimerspec *, struct itimerspec *))dlsym(RTLD_NEXT, "timerfd_settime");
  int result = real(fd, flags, next, old);
  return getenv("MAUD_TEST_CLOCK_SET") ? 0 : result;
}

static void slowly(void) {
  const char *delay = getenv("MAUD_TEST_SYNC_DELAY");
  if (delay) usleep((useconds_t)atoi(delay) * 1000);
}
int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  slowly();
  return real(fd);
}
int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  slowly();
  return real(fd);
}
