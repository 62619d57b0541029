/* The kernel and libc as Swift can import them.
 *
 * Swift imports neither errno (a macro over a function), variadic functions, unions with packed members nor
 * function-like macros, and signatures differ between the glibc of Debian 12 and 13: so every call goes through
 * a function here. Unless said otherwise a function returns a value >= 0, or -errno.
 *
 * maud_fault is the one place where tests make calls fail: it exists in debug builds only (MAUD_FAULTS).
 */
#ifndef MAUD_CLINUX_H
#define MAUD_CLINUX_H
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/* ---- Errors ---- */
/* The text of an error number, static storage. */
const char *maud_error_text(int error);
/* Called with the name of a system call before it is made: a value > 0 is the errno it fails with instead.
 * A value of -N (N > 0) lets a write write only N bytes. Debug builds only; NULL switches it off. Thread-safe only
 * while no worker runs a job. */
typedef int (*maud_fault_function)(const char *call, void *context);
void maud_set_fault(maud_fault_function function, void *context);

/* ---- Files (files.c) ---- */
enum {
  MAUD_READ = 1, MAUD_WRITE = 2, MAUD_CREATE = 4, MAUD_EXCLUSIVE = 8, MAUD_DIRECTORY = 16, MAUD_NOFOLLOW = 32,
  MAUD_NONBLOCK = 64, MAUD_TRUNCATE = 128, MAUD_PATH = 256, MAUD_APPEND = 512,
};
enum { MAUD_AT_CWD = -100 };
enum { MAUD_FILE_REGULAR = 1, MAUD_FILE_DIRECTORY = 2, MAUD_FILE_LINK = 3, MAUD_FILE_SOCKET = 4, MAUD_FILE_OTHER = 5 };
struct maud_status {
  int64_t size;               /* octets */
  int64_t modification_time;  /* nanoseconds since 1970 */
  int64_t change_time;        /* nanoseconds since 1970 */
  uint64_t inode;
  uint64_t device;
  uint32_t mode;              /* permission bits */
  uint32_t links;
  uint32_t user;
  uint32_t kind;              /* MAUD_FILE_... */
};
struct maud_space { uint64_t free_octets, total_octets, free_inodes; };

int maud_openat(int directory, const char *path, int flags, unsigned mode);
int maud_close(int fd);
intptr_t maud_read(int fd, void *buffer, size_t count);
intptr_t maud_pread(int fd, void *buffer, size_t count, int64_t offset);
intptr_t maud_write(int fd, const void *buffer, size_t count);
int maud_fsync(int fd);
/* The file's octets to the disk, without its name and times (sync_file_range(2)). */
int maud_write_back(int fd);
/* Whether syncing a file of this file system syncs its name too: ext2, ext3, ext4. */
bool maud_syncs_names(int fd);
int maud_statat(int directory, const char *path, bool follow, struct maud_status *status);
int maud_fstat(int fd, struct maud_status *status);
int maud_mkdirat(int directory, const char *path, unsigned mode);
int maud_renameat(int old_directory, const char *old_path, int new_directory, const char *new_path);
/* Fails with EEXIST instead of replacing (RENAME_NOREPLACE, or link and unlink where the file system has it not). */
int maud_renameat_exclusive(int old_directory, const char *old_path, int new_directory, const char *new_path);
/* Each takes the other's place in one step (RENAME_EXCHANGE); -EINVAL where the file system cannot. */
int maud_renameat_exchange(int old_directory, const char *old_path, int new_directory, const char *new_path);
int maud_linkat(int old_directory, const char *old_path, int new_directory, const char *new_path);
int maud_unlinkat(int directory, const char *path, bool remove_directory);
int maud_set_modification_time(int directory, const char *path, int64_t nanoseconds);
int maud_set_modification_time_fd(int fd, int64_t nanoseconds);
int maud_lock(int fd, bool exclusive, bool wait); /* flock; -EWOULDBLOCK when another process holds it */
int maud_space(int fd, struct maud_space *space);
/* 2 when the file system lives in memory and is never swapped (ramfs), 1 when it lives in memory (tmpfs), 0 when not. */
int maud_is_memory_file_system(int fd);
int maud_memory_file(const char *name); /* memfd_create, close-on-exec */
intptr_t maud_read_link(const char *path, void *buffer, size_t count); /* the octets are not terminated */
int maud_chmodat(int directory, const char *path, unsigned mode);
/* Directory streams: open with maud_directory_open (the descriptor is duplicated), next returns 1 with the name
 * (valid until the next call) or 0 at the end; "." and ".." are left out. */
typedef struct maud_directory maud_directory;
int maud_directory_open(int fd, maud_directory **directory);
int maud_directory_next(maud_directory *directory, const char **name);
void maud_directory_close(maud_directory *directory);

/* ---- Sockets (sockets.c) ---- */
struct maud_address { uint8_t octets[16]; uint16_t port; uint8_t is_ipv6; }; /* IPv4 in the first 4 octets */
/* A listener on a numeric address ("127.0.0.1", "::"); port 0 means any free port. IPv6 "::" serves IPv4 too. */
int maud_listen(const char *address, uint16_t port, int backlog);
int maud_is_address(const char *address);  /* whether it is one */
int maud_local_port(int fd);
int maud_accept(int fd, struct maud_address *peer);
/* Begins to connect to a numeric address, "fe80::1%2" with the number of its interface; the socket takes octets once it is
 * connected, and fails when it cannot be. */
int maud_connect(const char *address, uint16_t port);
intptr_t maud_receive(int fd, void *buffer, size_t count);                 /* non-blocking */
intptr_t maud_send(int fd, const void *buffer, size_t count, bool more);   /* non-blocking, no SIGPIPE */
intptr_t maud_sendfile(int socket, int fd, int64_t offset, size_t count);
int maud_listen_l2cap(int backlog, uint16_t receive_mtu);                 /* credit-based channels of Bluetooth LE, on any adapter */
int maud_l2cap_psm(int fd);                                               /* what a listener's clients connect to */
/* send_mtu: octets of one send at most; peer: the other side's address, and what kind of address it is */
int maud_accept_l2cap(int listener, uint16_t *send_mtu, uint64_t *peer);
int maud_listen_unix(int directory, const char *name, int backlog);  /* socket file in a directory, mode 0600 */
int maud_connect_unix_blocking(int directory, const char *name);
void maud_stop_listening(int fd); /* new connections, and those that wait, are refused */
int maud_shutdown_write(int fd); /* the other side sees the end of what we send */

/* ---- Events and time (events.c) ---- */
enum { MAUD_EVENT_IN = 1, MAUD_EVENT_OUT = 4, MAUD_EVENT_ERROR = 8, MAUD_EVENT_HANGUP = 16 };
struct maud_event { int fd; uint32_t events; };
int maud_epoll_create(void);
int maud_epoll_add(int epoll, int fd, uint32_t events);
int maud_epoll_modify(int epoll, int fd, uint32_t events);
int maud_epoll_remove(int epoll, int fd);
/* Waits at most timeout milliseconds (-1: for ever); returns the number of events, 0 also on EINTR. */
int maud_epoll_wait(int epoll, struct maud_event *events, int count, int timeout);
int maud_eventfd(void);                    /* non-blocking counter */
int maud_eventfd_signal(int fd);
int maud_eventfd_drain(int fd);
/* SIGTERM, SIGINT and SIGHUP are delivered through the returned descriptor (one octet a signal) instead of a
 * blocked mask, so that programs we execute start with clean signals. SIGPIPE is ignored. */
int maud_signals(void);
/* From now on a signal that ends this process for a mistake writes a line to standard error first (crash.c). */
void maud_tell_of_crashes(void);
/* Readable (ECANCELED) when someone sets the clock: timerfd with TFD_TIMER_CANCEL_ON_SET. */
int maud_clock_change_fd(void);
int maud_clock_change_rearm(int fd);
/* Whether somebody disciplines the system's clock, as the kernel knows from adjtimex(2): its error is under 16 s, and was told within the last
 * hours. 1, 0 or -errno (-EPERM in a unit with ProtectClock=). Setting the clock ends it, until the next such word. */
int maud_clock_is_disciplined(void);
int64_t maud_realtime(void);               /* nanoseconds since 1970 */
int64_t maud_monotonic(void);              /* CLOCK_MONOTONIC, nanoseconds */
int64_t maud_since_boot(void);             /* CLOCK_BOOTTIME, nanoseconds */
/* When this program was built, seconds since 1970 (MAUD_BUILD_TIME, else the time of the release): no clock is earlier. */
int64_t maud_build_time(void);
void maud_pause(int64_t nanoseconds);      /* blocks: only where there is no loop yet */
enum { MAUD_NOTIFY_CREATE = 0x100, MAUD_NOTIFY_DELETE = 0x200, MAUD_NOTIFY_CLOSE_WRITE = 0x8, MAUD_NOTIFY_MOVED_FROM = 0x40,
       MAUD_NOTIFY_MOVED_TO = 0x80, MAUD_NOTIFY_ATTRIBUTES = 0x4, MAUD_NOTIFY_DELETE_SELF = 0x400, MAUD_NOTIFY_MOVE_SELF = 0x800,
       MAUD_NOTIFY_IGNORED = 0x8000, MAUD_NOTIFY_OVERFLOW = 0x4000, MAUD_NOTIFY_IS_DIRECTORY = 0x40000000 };
int maud_notify_create(void);              /* inotify, non-blocking */
int maud_notify_add(int fd, const char *path, uint32_t mask);
int maud_notify_remove(int fd, int watch);
/* Splits one event off a buffer read from the descriptor; returns its length in octets, or 0 when incomplete. */
size_t maud_notify_parse(const void *buffer, size_t count, int *watch, uint32_t *mask, const char **name);

/* ---- Processes (process.c) ---- */
int maud_process_id(void);
int maud_process_exists(int pid);
unsigned maud_user_id(void);
const char *maud_environment(const char *name); /* NULL when unset */
void maud_unset_environment(const char *name);
int maud_set_environment(const char *name, const char *value);
int maud_fork(void);
/* In a forked child: it is killed when its parent ends, however that ends. `parent` is the pid of whoever forked. */
void maud_end_with_parent(int parent);
int maud_pipe(int *reading, int *writing); /* blocking, close-on-exec */
void maud_no_core(void);                   /* this process and its children leave no core file */
int maud_wait(int pid);                    /* blocks; exit status 0...255, 256 + signal, or -errno */
int maud_wait_no_hang(int pid);            /* -EAGAIN while it runs */
int maud_pidfd_open(int pid);
_Noreturn void maud_exit(int status);      /* _exit: no handlers, no flushing */
int maud_kill(int pid, int signal);
/* Starts a program without a shell: standard input /dev/null, standard output to the pipe whose reading end is
 * returned in *output (non-blocking), standard error discarded, a process group of its own, other descriptors closed.
 * Returns the pid. */
int maud_spawn(const char *const *arguments, int *output);
/* The same with octets on its standard input, at most a page. */
int maud_spawn_with_input(const char *const *arguments, const void *input, size_t count, int *output);
/* Has the program qrencode draw a text on our standard output; false when there is no such program. The text goes through a pipe: everybody
 * sees arguments. */
bool maud_show_qr(const void *text, size_t count);
bool maud_is_terminal(int fd);
/* Reads a line from the terminal with echo off; the line end is not stored. Returns its length or -errno.
 * A signal that ends the process does so with echo on again. */
intptr_t maud_read_passphrase(const char *prompt, void *buffer, size_t count);

/* ---- Signals that end a command (cleanup.c): SIGINT, SIGQUIT, SIGTERM, SIGHUP ---- */
/* From now on they end every program whose command line holds `name`, remove the directory `name` in the open directory
 * `base`, and then do what they always do. One directory a process, of the process that called; ignored ones stay ignored. */
int maud_remove_at_signals(int base, const char *name);
void maud_keep_at_signals(void);           /* takes that back */
/* Kills the gpg processes (no agent) whose command line holds `home`. */
void maud_end_gpg(const char *home);
void maud_hold_signals(void);              /* they wait until they are released */
void maud_release_signals(void);
/* After a fork with signals held, releases them: one that ends this process ends the child first, which may have the
 * terminal and gives it back. */
void maud_end_after_child(int pid);
int maud_wait_for_child(int pid);          /* as maud_wait, for that child */
/* A new mount namespace (and user namespace when not privileged) with a ramfs, which is never swapped, on path. */
int maud_private_ramfs(const char *path);
void maud_trim_heap(void);                 /* gives free heap pages back to the kernel */
void maud_tune_heap(void);                 /* one arena, small thresholds: before the first allocation of size */

/* ---- Memory (memory.c) ---- */
/* Memory for secrets: locked (never swapped), left out of core dumps, between guard pages; NULL when it cannot be had. */
void *maud_locked_allocate(size_t count);
void *maud_locked_allocate_shared(size_t count);       /* a child that is forked later writes into the same memory */
void maud_locked_free(void *memory, size_t count);     /* wipes it first; count as given to allocate */
void maud_random(void *buffer, size_t count);          /* getrandom(2) */

/* Memory with a bound (bounded.c): the four functions of an allocator, whose owner is a maud_bounded. NULL at the bound. */
typedef struct { size_t used, limit, most; } maud_bounded;
void *maud_bounded_malloc(size_t size, void *owner);
void *maud_bounded_calloc(size_t count, size_t size, void *owner);
void *maud_bounded_realloc(void *memory, size_t size, void *owner);
void maud_bounded_free(void *memory, void *owner);

/* ---- Numbers ---- */
/* The shortest of 15 or 17 significant digits that reads back as value; returns their length, at most 31. */
size_t maud_format_double(double value, void *text, size_t count);

/* ---- The worker thread (worker.c) ---- */
/* One C thread does what may block (fsync, rename, hashing of cold files); Swift stays on the loop's thread. A job is
 * a C struct that begins with struct maud_job; run() works on C data only. The owner frees the job after taking it. */
struct maud_job {
  void (*run)(struct maud_job *job);
  void *owner;                /* for the loop's thread: never touched by the worker */
  struct maud_job *next;      /* the worker's */
};
typedef struct maud_worker maud_worker;
/* capacity bounds the jobs submitted and not yet taken. *event_fd becomes readable when results wait. */
int maud_worker_start(unsigned capacity, maud_worker **worker, int *event_fd);
int maud_worker_submit(maud_worker *worker, struct maud_job *job);  /* 0, or -EAGAIN when full */
struct maud_job *maud_worker_take(maud_worker *worker);             /* a finished job or NULL */
void maud_worker_stop(maud_worker *worker);  /* finishes what is queued, joins the thread, frees the worker */

/* ---- Friends' keys (keys.c) ---- */
/* Changes below `<root>/.mau` as a job of a worker: in order, each durable before the next begins, the first that fails ends it. `group` is
 * a group's name of at most 71 octets, or "" for `.mau` itself; `name` a file of at most 47. The functions that add a step return 0 or -errno. */
typedef struct maud_keys maud_keys;
maud_keys *maud_keys_create(const char *root);
void maud_keys_free(maud_keys *keys);
int maud_keys_write(maud_keys *keys, const char *group, const char *name, const void *octets, size_t count, int64_t time); /* time 0: now */
int maud_keys_remove(maud_keys *keys, const char *group, const char *name);   /* one that is not there is fine */
/* The group has this file alone afterwards: after a crash it is the old group or the new one, whole. */
int maud_keys_replace(maud_keys *keys, const char *group, const char *name, const void *octets, size_t count);
struct maud_job *maud_keys_job(maud_keys *keys);
int maud_keys_error(const maud_keys *keys);                                  /* afterwards: 0 or errno */
void maud_keys_tidy(const char *root); /* at start: removes what an interrupted change left */

/* ---- The claim code (claim.c; docs/claim.md) ---- */
enum { MAUD_CLAIM_CODE = 20, MAUD_CLAIM_URI = 74 };
/* 100 random bits as 20 digits of Crockford's base 32, upper case. */
void maud_claim_random(char code[MAUD_CLAIM_CODE]);
/* Reads a code as a person writes it: either case, I and L for 1, O for 0, with hyphens and blanks anywhere. */
bool maud_claim_read(const void *text, size_t count, char code[MAUD_CLAIM_CODE]);
/* `mau:<fingerprint>?claim=<code in four groups>`, not terminated; a fingerprint is 20 octets. */
void maud_claim_write(const char code[MAUD_CLAIM_CODE], const uint8_t *fingerprint, char uri[MAUD_CLAIM_URI]);
/* Where the code begins in what has the form of such a URI, else NULL. */
const char *maud_claim_code_in(const char *uri, size_t count);
/* The code of a node and where it lies: `<root>/.maud-claim`, and `file` for a person, or "". Files that do not begin with "mau:" are left alone.
 * NULL without memory. */
typedef struct maud_claim maud_claim;
maud_claim *maud_claim_open(const char *root, const char *file);
void maud_claim_free(maud_claim *claim);
/* Whether a key lies in `controllers`, of whatever use it is; yes when that cannot be told. */
bool maud_claim_is_owned(maud_claim *claim);
/* The URI that is there; that of a new code, durably; what holds at a start: the one or the other, shown in `file`, or with an owner
 * none any more. NULL when there is none. What failed is in maud_claim_error; these block. */
const char *maud_claim_look(maud_claim *claim);
const char *maud_claim_make(maud_claim *claim, const uint8_t *fingerprint);
const char *maud_claim_begin(maud_claim *claim, const uint8_t *fingerprint);
/* Removes both files, durably, as a job of a worker. */
struct maud_job *maud_claim_job(maud_claim *claim);
int maud_claim_error(const maud_claim *claim); /* 0, or the errno of what failed first */

/* ---- Host names (resolve.c) ---- */
/* getaddrinfo(3) as a job of a worker: it may block for half a minute. */
typedef struct maud_resolution maud_resolution;
maud_resolution *maud_resolution_create(const void *host, size_t count, unsigned limit); /* at most 4 addresses */
struct maud_job *maud_resolution_job(maud_resolution *resolution);
unsigned maud_resolution_count(const maud_resolution *resolution);
const char *maud_resolution_address(const maud_resolution *resolution, unsigned number); /* as maud_connect takes it */
void maud_resolution_free(maud_resolution *resolution);

/* ---- Sensors (sensors.c) ---- */
/* Files whose reading may block (1-Wire converts for 750 ms, buses and network file systems wait), read on the worker:
 * the first MAUD_READING_TEXT octets of each. Owned by the loop's thread except while its job is submitted. */
enum { MAUD_READING_FILES = 3, MAUD_READING_TEXT = 128 };
typedef struct maud_reading maud_reading;
maud_reading *maud_reading_create(bool keep_open); /* keep_open: kernel attributes, read again through the descriptor */
void maud_reading_free(maud_reading *reading);
void maud_reading_clear(maud_reading *reading);                  /* forgets its files */
int maud_reading_add(maud_reading *reading, const char *path);
void maud_reading_link(maud_reading *reading, maud_reading *next); /* one job reads a whole chain; NULL ends it */
struct maud_job *maud_reading_job(maud_reading *reading);         /* the job of the chain that begins here */
unsigned maud_reading_count(const maud_reading *reading);
int maud_reading_result(const maud_reading *reading, unsigned file);  /* octets read or -errno; none after a failure */
const char *maud_reading_text(const maud_reading *reading, unsigned file);
int64_t maud_reading_realtime(const maud_reading *reading);           /* when it was read */
int64_t maud_reading_since_boot(const maud_reading *reading);
/* GPIO lines (linux/gpio.h, uAPI v2): the descriptor of one line as input, and its value, 0 or 1. A test's fault of -1
 * lets the first succeed without a chip; one of -1 or -2 makes the value 0 or 1. */
enum { MAUD_GPIO_BIAS_NONE = 0, MAUD_GPIO_PULL_UP = 1, MAUD_GPIO_PULL_DOWN = 2 };
int maud_gpio_open_input(const char *chip, unsigned line, bool active_low, int bias);
int maud_gpio_read(int line);
/* The octets of the request, for tests of its layout; 0 when there is no room. */
size_t maud_gpio_request_octets(unsigned line, bool active_low, int bias, void *octets, size_t count);

/* ---- Actuators (actuators.c) ---- */
/* What sets an actuator, on the worker: texts written to files in order, or a GPIO line as output, which stays requested. Owned by
 * the loop's thread except while its job is submitted. A test's fault of -1 lets the request of a line, and setting it, succeed
 * without a chip. */
enum { MAUD_SETTING_TEXTS = 8, MAUD_SETTING_TEXT = 64 };
enum { MAUD_SETTING_IN_PLACE = 0, MAUD_SETTING_MAY_FAIL = 1, MAUD_SETTING_REPLACE = 2 };
typedef struct maud_setting maud_setting;
maud_setting *maud_setting_create(void);
void maud_setting_free(maud_setting *setting);
void maud_setting_clear(maud_setting *setting);                   /* forgets its texts */
int maud_setting_add(maud_setting *setting, const char *path, const void *octets, size_t count, int manner);
int maud_setting_line(maud_setting *setting, const char *chip, unsigned line, bool active_low, int value);
struct maud_job *maud_setting_job(maud_setting *setting);
int maud_setting_result(const maud_setting *setting);             /* 0 or -errno */
/* The octets of the line's request, for tests of its layout; 0 when there is no room. */
size_t maud_setting_request_octets(const maud_setting *setting, void *octets, size_t count);
#endif
