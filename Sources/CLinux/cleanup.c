#define _GNU_SOURCE 1
#include "internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a command leaves in memory when a signal ends it: GnuPG's directory and the programs that work in it. All of this
 * runs in the handler, wherever the command was: system calls only, no allocation, no stdio. */
static const int ending[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
enum { ENDINGS = sizeof ending / sizeof *ending, DEPTH = 4, ATTEMPTS = 100, PAUSE = 10000000 };
static struct { int base, owner; char name[64]; } directory;
static int programs; /* that the last look at /proc found */
static struct { const char *name; bool agent; } sought;
static volatile sig_atomic_t child;

static void endings(sigset_t *set) {
  sigemptyset(set);
  for (int i = 0; i < ENDINGS; i++) sigaddset(set, ending[i]);
}

/* Calls body for each name in an open directory; readdir(3) would allocate. */
static void for_each(int fd, void (*body)(int fd, const char *name, int depth), int depth) {
  _Alignas(struct dirent64) char buffer[2048];
  for (;;) {
    long n = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (n <= 0) return;
    for (long at = 0; at < n;) {
      const struct dirent64 *entry = (const void *)(buffer + at);
      at += entry->d_reclen;
      if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) body(fd, entry->d_name, depth);
    }
  }
}
static void remove_entry(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0 || depth == 0) return;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  for_each(fd, remove_entry, depth - 1);
  close(fd);
  unlinkat(parent, name, AT_REMOVEDIR);
}
/* gpg (no child of ours: GPGME forks twice), and gpg-agent unless it is spared: whoever has the directory's random name on its command line. */
static void end_program(int proc, const char *pid, int depth) {
  (void)depth;
  int number = 0;
  size_t length = strlen(pid);
  for (size_t i = 0; i < length; i++) {
    if (pid[i] < '0' || pid[i] > '9') return;
    number = number * 10 + (pid[i] - '0');
  }
  char path[32], line[2048];
  memcpy(path, pid, length);
  memcpy(path + length, "/cmdline", sizeof "/cmdline");
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t n = read(fd, line, sizeof line);
  close(fd);
  if (n <= 0 || number == getpid() || !memmem(line, (size_t)n, sought.name, strlen(sought.name))) return;
  if (!sought.agent && memmem(line, (size_t)n, "gpg-agent", sizeof "gpg-agent" - 1)) return;
  programs++;
  kill(number, SIGKILL);
}
static void end_programs(const char *name, bool agent) {
  sought.name = name;
  sought.agent = agent;
  programs = 0;
  int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return;
  for_each(proc, end_program, 0);
  close(proc);
}
void maud_end_gpg(const char *home) { end_programs(home, false); }

static void clean_up(void) {
  /* One that was just starting another, or was writing a file, makes a second look necessary; and who waits for this command
   * may count on it that all have ended, which takes a moment after the signal. */
  for (int i = 0; i < ATTEMPTS && (i == 0 || programs > 0 || faccessat(directory.base, directory.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0); i++) {
    if (i > 0) nanosleep(&(struct timespec){ .tv_nsec = PAUSE }, NULL);
    end_programs(directory.name, true);
    remove_entry(directory.base, directory.name, DEPTH);
  }
}
static void on_ending(int number) {
  /* A forked process has nothing of its own to clean up. */
  if (getpid() == directory.owner) {
    int pid = child;
    if (pid > 0) {
      /* It may have the terminal, and gives it back before it ends. */
      kill(pid, number);
      kill(pid, SIGCONT);
      while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    clean_up();
  }
  signal(number, SIG_DFL);
  raise(number); /* blocked until the handler returns */
}
int maud_remove_at_signals(int base, const char *name) {
  size_t length = strlen(name);
  if (length == 0 || length >= sizeof directory.name) return -ENAMETOOLONG;
  directory.base = base;
  memcpy(directory.name, name, length + 1);
  directory.owner = getpid();
  for (int i = 0; i < ENDINGS; i++) {
    struct sigaction action = { .sa_handler = on_ending }, before;
    endings(&action.sa_mask);
    /* Ignored (nohup) stays ignored. */
    if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(ending[i], &action, NULL);
  }
  return 0;
}
void maud_keep_at_signals(void) { directory.owner = 0; }

void maud_hold_signals(void) {
  sigset_t set;
  endings(&set);
  sigprocmask(SIG_BLOCK, &set, NULL);
}
void maud_release_signals(void) {
  sigset_t set;
  endings(&set);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}
void maud_end_after_child(int pid) {
  child = pid;
  maud_release_signals();
}
int maud_wait_for_child(int pid) {
  maud_hold_signals(); /* nobody signals a number that is free again */
  int status = maud_wait(pid);
  child = 0;
  maud_release_signals();
  return status;
}
