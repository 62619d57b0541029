#define _GNU_SOURCE 1
#include "internal.h"
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int maud_process_id(void) { return getpid(); }
int maud_process_exists(int pid) { return kill(pid, 0) == 0 || errno == EPERM; }
unsigned maud_user_id(void) { return geteuid(); }
const char *maud_environment(const char *name) { return getenv(name); }
void maud_unset_environment(const char *name) { unsetenv(name); }
int maud_set_environment(const char *name, const char *value) { return RESULT(setenv(name, value, 1)); }
void maud_end_with_parent(int parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1); /* it ended before the call */
}
int maud_fork(void) { FAULT("fork"); return RESULT(fork()); }
static int status_of(int pid, int options) {
  int status;
  pid_t r;
  do r = waitpid(pid, &status, options); while (r < 0 && errno == EINTR);
  if (r < 0) return -errno;
  if (r == 0) return -EAGAIN;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
int maud_pipe(int *reading, int *writing) {
  FAULT("pipe2");
  int p[2];
  if (pipe2(p, O_CLOEXEC) < 0) return -errno;
  *reading = p[0];
  *writing = p[1];
  return 0;
}
void maud_no_core(void) {
  struct rlimit none = { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
}
int maud_wait(int pid) { return status_of(pid, 0); }
int maud_wait_no_hang(int pid) { return status_of(pid, WNOHANG); }
int maud_pidfd_open(int pid) {
#ifdef SYS_pidfd_open
  return RESULT((int)syscall(SYS_pidfd_open, pid, 0));
#else
  return -ENOSYS;
#endif
}
void maud_exit(int status) { _exit(status); }
int maud_kill(int pid, int signal) { return RESULT(kill(pid, signal)); }

/* A descriptor from which the octets are read, then the end: an empty pipe holds a page. */
static int input_of(const void *octets, size_t count) {
  if (!octets) return open("/dev/null", O_RDONLY | O_CLOEXEC);
  int p[2];
  if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0) return -1;
  ssize_t n = write(p[1], octets, count);
  int e = n < 0 ? errno : EMSGSIZE;
  close(p[1]);
  fcntl(p[0], F_SETFL, 0);
  if ((size_t)n == count) return p[0];
  close(p[0]);
  errno = e;
  return -1;
}
int maud_spawn(const char *const *arguments, int *output) { return maud_spawn_with_input(arguments, NULL, 0, output); }
int maud_spawn_with_input(const char *const *arguments, const void *input, size_t count, int *output) {
  FAULT("fork");
  int p[2];
  if (pipe2(p, O_CLOEXEC) < 0) return -errno;
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) { int e = errno; close(p[0]); close(p[1]); return -e; }
  int in = input_of(input, count);
  if (in < 0) { int e = errno; close(p[0]); close(p[1]); close(null); return -e; }
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, 0) < 0 || dup2(p[1], 1) < 0 || dup2(null, 2) < 0) _exit(127);
    execvp(arguments[0], (char *const *)arguments);
    _exit(127);
  }
  int e = errno;
  /* In the parent too: whoever comes first, the group exists when we return and can be killed. */
  if (pid > 0) setpgid(pid, pid);
  close(null);
  close(in);
  close(p[1]);
  if (pid < 0) { close(p[0]); return -e; }
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  *output = p[0];
  return pid;
}
bool maud_show_qr(const void *text, size_t count) {
  int in = input_of(text, count);
  if (in < 0) return false;
  pid_t pid = fork();
  if (pid == 0) {
    static char program[] = "qrencode", option[] = "-tANSIUTF8", *arguments[] = { program, option, NULL };
    if (dup2(in, 0) == 0) execvp(program, arguments);
    _exit(127);
  }
  close(in);
  return pid > 0 && maud_wait(pid) == 0;
}
bool maud_is_terminal(int fd) { struct termios t; return tcgetattr(fd, &t) == 0; }
/* What the terminal's keyboard, and whoever ends a process politely, can send. */
static const int ending[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP };
enum { ENDINGS = sizeof ending / sizeof *ending };
static volatile sig_atomic_t ended_by;
static void on_ending(int signal) { ended_by = signal; }

/* A line, or -errno; a signal ends it with -EINTR. */
static intptr_t read_line(int fd, char *buffer, size_t count) {
  size_t length = 0;
  while (!ended_by) {
    char octet;
    ssize_t n = read(fd, &octet, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0 || octet == '\n') return (intptr_t)length;
    if (length == count) return -EMSGSIZE;
    buffer[length++] = octet;
  }
  return -EINTR;
}
intptr_t maud_read_passphrase(const char *prompt, void *buffer, size_t count) {
  int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (fd < 0) return -errno;
  struct termios old, quiet;
  if (tcgetattr(fd, &old) < 0) { int e = errno; close(fd); return -e; }
  ended_by = 0;
  struct sigaction before[ENDINGS], action = { .sa_handler = on_ending };
  for (int i = 0; i < ENDINGS; i++) {
    sigaction(ending[i], NULL, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(ending[i], &action, NULL);
  }
  quiet = old;
  quiet.c_lflag &= ~(tcflag_t)ECHO;
  tcsetattr(fd, TCSAFLUSH, &quiet);
  intptr_t result = write(fd, prompt, strlen(prompt)) < 0 ? -errno : read_line(fd, buffer, count);
  tcsetattr(fd, TCSAFLUSH, &old);
  if (write(fd, "\n", 1) < 0) { /* the terminal went away: nothing to tell it */ }
  close(fd);
  for (int i = 0; i < ENDINGS; i++) sigaction(ending[i], &before[i], NULL);
  if (ended_by) raise(ended_by); /* stopped and continued it goes on from here: with -EINTR, as nothing was read */
  return result;
}
static int write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t n = write(fd, text, strlen(text));
  int e = errno;
  close(fd);
  return n < 0 ? -e : 0;
}
int maud_private_ramfs(const char *path) {
  FAULT("unshare");
  unsigned user = geteuid(), group = getegid();
  if (unshare(CLONE_NEWNS) < 0) {
    if (errno != EPERM) return -errno;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return -errno;
    char map[64];
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", user, user);
    int r = write_text("/proc/self/uid_map", map);
    if (r < 0) return r;
    snprintf(map, sizeof map, "%u %u 1", group, group);
    r = write_text("/proc/self/gid_map", map);
    if (r < 0) return r;
  }
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -errno;
  return RESULT(mount("ramfs", path, "ramfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"));
}
void maud_trim_heap(void) { malloc_trim(0); }
void maud_tune_heap(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 16 * 1024);
  mallopt(M_TOP_PAD, 4 * 1024);
  mallopt(M_MMAP_THRESHOLD, 32 * 1024);
}

size_t maud_format_double(double value, void *text, size_t count) {
  int n = snprintf(text, count, "%.15g", value);
  if (strtod(text, NULL) != value) n = snprintf(text, count, "%.17g", value);
  return n < 0 || (size_t)n >= count ? 0 : (size_t)n;
}
