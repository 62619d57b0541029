#define _GNU_SOURCE 1
#include "internal.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int maud_epoll_create(void) { FAULT("epoll_create1"); return RESULT(epoll_create1(EPOLL_CLOEXEC)); }
static int control(int epoll, int operation, int fd, uint32_t events) {
  struct epoll_event e;
  memset(&e, 0, sizeof e);
  e.events = events;
  e.data.fd = fd;
  return RESULT(epoll_ctl(epoll, operation, fd, &e));
}
int maud_epoll_add(int epoll, int fd, uint32_t events) { FAULT("epoll_ctl"); return control(epoll, EPOLL_CTL_ADD, fd, events); }
int maud_epoll_modify(int epoll, int fd, uint32_t events) { FAULT("epoll_ctl"); return control(epoll, EPOLL_CTL_MOD, fd, events); }
int maud_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0); }
int maud_epoll_wait(int epoll, struct maud_event *events, int count, int timeout) {
  struct epoll_event got[16];
  if (count > 16) count = 16;
  int n = epoll_wait(epoll, got, count, timeout);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < n; i++) { events[i].fd = got[i].data.fd; events[i].events = got[i].events; }
  return n;
}
int maud_eventfd(void) { FAULT("eventfd"); return RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
int maud_eventfd_signal(int fd) { uint64_t one = 1; return write(fd, &one, sizeof one) < 0 ? -errno : 0; }
int maud_eventfd_drain(int fd) { uint64_t n; return read(fd, &n, sizeof n) < 0 ? -errno : 0; }

static int signal_pipe[2] = { -1, -1 };
static void on_signal(int number) {
  int e = errno;
  unsigned char octet = (unsigned char)number;
  if (write(signal_pipe[1], &octet, 1) < 0) { /* full: 64 KiB of signals already wait */ }
  errno = e;
}
int maud_signals(void) {
  if (signal_pipe[0] >= 0) return signal_pipe[0];
  if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_handler = on_signal;
  a.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &a, NULL);
  sigaction(SIGINT, &a, NULL);
  sigaction(SIGHUP, &a, NULL);
  a.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &a, NULL);
  return signal_pipe[0];
}
int maud_clock_change_rearm(int fd) {
  struct itimerspec t;
  memset(&t, 0, sizeof t);
  t.it_value.tv_sec = (time_t)0x7fffffff; /* 2038: never due before it is armed again */
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (sizeof(time_t) > 4) t.it_value.tv_sec = (time_t)((int64_t)now.tv_sec + (int64_t)100 * 365 * 86400);
  return RESULT(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL));
}
int maud_clock_change_fd(void) {
  int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return -errno;
  int r = maud_clock_change_rearm(fd);
  if (r < 0) { close(fd); return r; }
  return fd;
}
int maud_clock_is_disciplined(void) {
  enum { LEAST_UNKNOWN = 16000000 }; /* NTP_PHASE_LIMIT: the kernel's word for "unknown", in microseconds */
  struct timex t = { .modes = 0 };
  FAULT("adjtimex");
  /* Not STA_UNSYNC: chronyd and timesyncd set that too when the kernel is only to leave the battery clock alone. */
  return adjtimex(&t) < 0 ? -errno : t.maxerror < LEAST_UNKNOWN;
}
static int64_t clock_of(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
int64_t maud_realtime(void) { return clock_of(CLOCK_REALTIME); }
int64_t maud_monotonic(void) { return clock_of(CLOCK_MONOTONIC); }
int64_t maud_since_boot(void) { return clock_of(CLOCK_BOOTTIME); }
#ifndef MAUD_BUILD_TIME
#define MAUD_BUILD_TIME 1795219200 /* 2026-11-21 */
#endif
int64_t maud_build_time(void) { return MAUD_BUILD_TIME; }

int maud_notify_create(void) { FAULT("inotify_init1"); return RESULT(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }
int maud_notify_add(int fd, const char *path, uint32_t mask) { FAULT("inotify_add_watch"); return RESULT(inotify_add_watch(fd, path, mask)); }
int maud_notify_remove(int fd, int watch) { return RESULT(inotify_rm_watch(fd, watch)); }
size_t maud_notify_parse(const void *buffer, size_t count, int *watch, uint32_t *mask, const char **name) {
  struct inotify_event e;
  if (count < sizeof e) return 0;
  memcpy(&e, buffer, sizeof e);
  if (count - sizeof e < e.len) return 0;
  *watch = e.wd;
  *mask = e.mask;
  *name = e.len ? (const char *)buffer + sizeof e : "";
  return sizeof e + e.len;
}
void maud_pause(int64_t nanoseconds) {
  struct timespec t = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };
  nanosleep(&t, NULL);
}
