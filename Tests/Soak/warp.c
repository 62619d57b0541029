/* One clock for several programs, by LD_PRELOAD: the machine's, plus what was skipped while all of them waited for time to pass.
 *
 * Time passes as it does elsewhere while any of them works, so no time limit is any tighter than in real life. When all wait, warp.py adds what is left until the
 * first of them is due to `skipped`, in a file that all have mapped, and wakes it. So a day takes as long as its work does.
 * What one of them starts is at work as long as it lives, but for gpg-agent, which only works while another waits for it.
 *   MAUD_WARP=DIRECTORY  holds that file, "clock", and a FIFO for each program that waits
 * A file's change time is the kernel's, which does not take part: it is never told as earlier than the modification time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The function of that name that this one hides. */
#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
enum { SLOTS = 256 };
static const int64_t second = 1000000000, never = INT64_MAX;

/* As in warp.py. A deadline of 0: at work. */
struct shared {
  _Atomic int64_t skipped;
  struct { _Atomic int64_t pid, deadline; } slots[SLOTS];
};

static struct shared *shared(void) {
  static struct shared *map;
  const char *directory = map ? NULL : getenv("MAUD_WARP");
  if (directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/clock", directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *m = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *map, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (m != MAP_FAILED) map = m;
  }
  return map;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  REAL(clock_gettime);
  int result = real(clock, time);
  int is_cpu = clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID || clock < 0;
  if (result == 0 && !is_cpu && shared()) {
    int64_t ns = time->tv_sec * second + time->tv_nsec + shared()->skipped;
    time->tv_sec = ns / second;
    time->tv_nsec = ns % second;
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

static int64_t since_boot(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * second + now.tv_nsec;
}

static int is_agent(void) { return strcmp(program_invocation_short_name, "gpg-agent") == 0; }

/* The place of a process, a new one when it has none. */
static int place_of(int64_t pid) {
  for (int i = 0; i < SLOTS; i++) if (shared()->slots[i].pid == pid) return i;
  for (int i = 0; i < SLOTS; i++) {
    int64_t nobody = shared()->slots[i].pid;
    if (nobody != 0 && !(kill((pid_t)nobody, 0) < 0 && errno == ESRCH)) continue;
    if (atomic_compare_exchange_strong(&shared()->slots[i].pid, &nobody, pid)) return i;
  }
  abort();
}
__attribute__((constructor)) static void begin(void) {
  if (shared() && is_agent()) shared()->slots[place_of(getpid())].pid = 0;
}
/* The parent notes it, so that there is no moment in which nobody is at work. */
pid_t fork(void) {
  REAL(fork);
  pid_t pid = real();
  if (pid > 0 && shared() && !is_agent()) shared()->slots[place_of(pid)].deadline = 0;
  return pid;
}

/* This process's place, with a FIFO that warp.py writes to when it is due. */
static int enter(int64_t deadline, _Atomic int64_t **place) {
  static int fifo = -1;
  static int64_t owner;
  static int slot;
  int64_t pid = getpid();
  if (owner != pid) {
    char path[4096];
    slot = place_of(pid);
    snprintf(path, sizeof path, "%s/%ld", getenv("MAUD_WARP"), (long)pid);
    if (mkfifo(path, 0600) < 0 && errno != EEXIST) abort();
    if ((fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0) abort();
    owner = pid;
  }
  *place = &shared()->slots[slot].deadline;
  **place = deadline;
  return fifo;
}
int epoll_wait(int epoll, struct epoll_event *events, int limit, int timeout) {
  REAL(epoll_wait);
  if (timeout == 0 || !shared()) return real(epoll, events, limit, timeout);
  int64_t deadline = timeout < 0 ? never : since_boot() + timeout * INT64_C(1000000);
  for (;;) {
    int count = real(epoll, events, limit, 0);
    int64_t rest = deadline == never ? -1 : deadline - since_boot();
    if (count != 0 || (rest <= 0 && deadline != never)) return count;
    _Atomic int64_t *place;
    char octets[64];
    struct pollfd waits[2] = {{.fd = epoll, .events = POLLIN}, {.events = POLLIN}};
    waits[1].fd = enter(deadline, &place);
    count = poll(waits, 2, deadline == never ? -1 : (int)((rest + 999999) / 1000000));
    *place = 0;
    if (count < 0) return -1;
    if (waits[1].revents && read(waits[1].fd, octets, sizeof octets) < 0 && errno != EAGAIN) return -1;
  }
}

static int told(int result, struct stat *s) {
  if (result == 0 && shared() && (s->st_ctim.tv_sec < s->st_mtim.tv_sec || (s->st_ctim.tv_sec == s->st_mtim.tv_sec && s->st_ctim.tv_nsec < s->st_mtim.tv_nsec))) s->st_ctim = s->st_mtim;
  return result;
}
int fstat(int fd, struct stat *s) {
  REAL(fstat);
  return told(real(fd, s), s);
}
int fstatat(int fd, const char *restrict path, struct stat *restrict s, int flags) {
  REAL(fstatat);
  return told(real(fd, path, s, flags), s);
}
