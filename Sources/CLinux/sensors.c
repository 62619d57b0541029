#define _GNU_SOURCE 1
#include "internal.h"
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- Files that may block: read on the worker ---- */

struct file { char *path; int fd; int result; char text[MAUD_READING_TEXT]; };
struct maud_reading {
  struct maud_job job;
  struct maud_reading *next;
  bool keep_open;
  unsigned count;
  int64_t realtime, since_boot;
  struct file files[MAUD_READING_FILES];
};

maud_reading *maud_reading_create(bool keep_open) {
  maud_reading *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->keep_open = keep_open;
  for (int i = 0; i < MAUD_READING_FILES; i++) r->files[i].fd = -1;
  return r;
}
static void forget(struct file *f) {
  if (f->fd >= 0) close(f->fd);
  free(f->path);
  f->path = NULL;
  f->fd = -1;
}
void maud_reading_clear(maud_reading *r) {
  for (unsigned i = 0; i < r->count; i++) forget(&r->files[i]);
  r->count = 0;
}
void maud_reading_free(maud_reading *r) { maud_reading_clear(r); free(r); }
int maud_reading_add(maud_reading *r, const char *path) {
  if (r->count == MAUD_READING_FILES) return -ENOSPC;
  char *copy = strdup(path);
  if (!copy) return -ENOMEM;
  r->files[r->count++].path = copy;
  return 0;
}
void maud_reading_link(maud_reading *r, maud_reading *next) { r->next = next; }
const char *maud_reading_text(const maud_reading *r, unsigned file) { return r->files[file].text; }
int maud_reading_result(const maud_reading *r, unsigned file) { return r->files[file].result; }
unsigned maud_reading_count(const maud_reading *r) { return r->count; }
int64_t maud_reading_realtime(const maud_reading *r) { return r->realtime; }
int64_t maud_reading_since_boot(const maud_reading *r) { return r->since_boot; }

static int read_start(int fd, char *text) {
  ssize_t n;
  do n = pread(fd, text, MAUD_READING_TEXT, 0); while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ESPIPE) do n = read(fd, text, MAUD_READING_TEXT); while (n < 0 && errno == EINTR);
  return RESULT((int)n);
}
static void read_file(struct file *f, bool keep_open) {
  if (f->fd >= 0) {
    f->result = read_start(f->fd, f->text);
    if (f->result >= 0) return;
    /* The device may have gone and come back: only the path knows. */
    close(f->fd);
  }
  /* A pipe without a writer and a terminal must neither block nor become ours. */
  f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (f->fd < 0) { f->result = -errno; f->fd = -1; return; }
  f->result = read_start(f->fd, f->text);
  if (keep_open && f->result >= 0) return;
  close(f->fd);
  f->fd = -1;
}
static void run(struct maud_job *job) {
  for (maud_reading *r = (maud_reading *)job; r; r = r->next) {
    for (unsigned i = 0; i < r->count; i++) {
      read_file(&r->files[i], r->keep_open);
      if (r->files[i].result < 0) break;
    }
    r->realtime = maud_realtime();
    r->since_boot = maud_since_boot();
  }
}
struct maud_job *maud_reading_job(maud_reading *r) { r->job.run = run; return &r->job; }

/* ---- GPIO lines: the character device's uAPI v2 ---- */

_Static_assert(sizeof(struct gpio_v2_line_request) == 592, "the layout of linux/gpio.h is the kernel's ABI");
_Static_assert(sizeof(struct gpio_v2_line_values) == 16, "the layout of linux/gpio.h is the kernel's ABI");

static void request_of(unsigned line, bool active_low, int bias, struct gpio_v2_line_request *request) {
  memset(request, 0, sizeof *request);
  request->offsets[0] = line;
  request->num_lines = 1;
  memcpy(request->consumer, "maud", sizeof "maud");
  request->config.flags = GPIO_V2_LINE_FLAG_INPUT;
  if (active_low) request->config.flags |= GPIO_V2_LINE_FLAG_ACTIVE_LOW;
  if (bias == MAUD_GPIO_PULL_UP) request->config.flags |= GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
  if (bias == MAUD_GPIO_PULL_DOWN) request->config.flags |= GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN;
}
size_t maud_gpio_request_octets(unsigned line, bool active_low, int bias, void *octets, size_t count) {
  struct gpio_v2_line_request request;
  request_of(line, active_low, bias, &request);
  if (count < sizeof request) return 0;
  memcpy(octets, &request, sizeof request);
  return sizeof request;
}
int maud_gpio_open_input(const char *chip, unsigned line, bool active_low, int bias) {
  int fault = maud_fault("gpio_get_line");
  if (fault > 0) return -fault;
  if (fault < 0) return maud_eventfd();
  int fd = open(chip, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  struct gpio_v2_line_request request;
  request_of(line, active_low, bias, &request);
  int r = ioctl(fd, GPIO_V2_GET_LINE_IOCTL, &request) < 0 ? -errno : request.fd;
  close(fd);
  return r;
}
int maud_gpio_read(int line) {
  int fault = maud_fault("gpio_get_values");
  if (fault > 0) return -fault;
  if (fault < 0) return -fault - 1;
  struct gpio_v2_line_values values = { .bits = 0, .mask = 1 };
  if (ioctl(line, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0) return -errno;
  return values.bits & 1;
}
