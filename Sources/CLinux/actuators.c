#define _GNU_SOURCE 1
#include "internal.h"
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- What sets an actuator: texts written to files in order, or a GPIO line; on the worker ---- */

struct text { char *path; size_t count; int manner; char octets[MAUD_SETTING_TEXT]; };
struct maud_setting {
  struct maud_job job;
  unsigned count;
  struct text texts[MAUD_SETTING_TEXTS];
  char *chip;
  unsigned line;
  bool active_low;
  int value, fd, result;
};

maud_setting *maud_setting_create(void) {
  maud_setting *s = calloc(1, sizeof *s);
  if (s) s->fd = -1;
  return s;
}
void maud_setting_clear(maud_setting *s) {
  for (unsigned i = 0; i < s->count; i++) free(s->texts[i].path);
  s->count = 0;
}
void maud_setting_free(maud_setting *s) {
  maud_setting_clear(s);
  if (s->fd >= 0) close(s->fd);
  free(s->chip);
  free(s);
}
int maud_setting_add(maud_setting *s, const char *path, const void *octets, size_t count, int manner) {
  if (s->count == MAUD_SETTING_TEXTS || count > MAUD_SETTING_TEXT) return -EMSGSIZE;
  struct text *t = &s->texts[s->count];
  t->path = strdup(path);
  if (!t->path) return -ENOMEM;
  memcpy(t->octets, octets, count);
  t->count = count;
  t->manner = manner;
  s->count++;
  return 0;
}
int maud_setting_line(maud_setting *s, const char *chip, unsigned line, bool active_low, int value) {
  if (!s->chip && !(s->chip = strdup(chip))) return -ENOMEM;
  s->line = line;
  s->active_low = active_low;
  s->value = value;
  return 0;
}
int maud_setting_result(const maud_setting *s) { return s->result; }

/* An attribute takes its text in one write. */
static int write_in_place(const struct text *t) {
  FAULT("open");
  /* A pipe without a reader and a terminal must neither block nor become ours; a file that is not there is not made. */
  int fd = open(t->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -errno;
  intptr_t n = maud_write(fd, t->octets, t->count);
  close(fd);
  return n < 0 ? (int)n : (size_t)n == t->count ? 0 : -EIO;
}
/* Whoever reads finds the old text or the new one. It need not survive a power cut: then the safe value is taken. */
static int replace(const struct text *t) {
  char temporary[1100];
  if ((size_t)snprintf(temporary, sizeof temporary, "%s.maud-%d.tmp", t->path, (int)getpid()) >= sizeof temporary) return -ENAMETOOLONG;
  FAULT("open");
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return -errno;
  intptr_t n = maud_write(fd, t->octets, t->count);
  close(fd);
  int result = n < 0 ? (int)n : (size_t)n == t->count ? maud_renameat(MAUD_AT_CWD, temporary, MAUD_AT_CWD, t->path) : -EIO;
  if (result < 0) unlink(temporary);
  return result;
}
static void output_of(const maud_setting *s, struct gpio_v2_line_request *request) {
  memset(request, 0, sizeof *request);
  request->offsets[0] = s->line;
  request->num_lines = 1;
  memcpy(request->consumer, "maud", sizeof "maud");
  request->config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
  if (s->active_low) request->config.flags |= GPIO_V2_LINE_FLAG_ACTIVE_LOW;
  /* The line becomes an output with its value already on it: no moment of another one. */
  request->config.num_attrs = 1;
  request->config.attrs[0].mask = 1;
  request->config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
  request->config.attrs[0].attr.values = (uint64_t)s->value;
}
size_t maud_setting_request_octets(const maud_setting *s, void *octets, size_t count) {
  struct gpio_v2_line_request request;
  if (count < sizeof request) return 0;
  output_of(s, &request);
  memcpy(octets, &request, sizeof request);
  return sizeof request;
}
static int request_line(maud_setting *s) {
  int fault = maud_fault("gpio_get_line");
  if (fault > 0) return -fault;
  if (fault < 0) { s->fd = maud_eventfd(); return s->fd < 0 ? s->fd : 0; }
  int chip = open(s->chip, O_RDONLY | O_CLOEXEC);
  if (chip < 0) return -errno;
  struct gpio_v2_line_request request;
  output_of(s, &request);
  int result = ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request) < 0 ? -errno : 0;
  close(chip);
  if (result == 0) s->fd = request.fd;
  return result;
}
static int set_line(maud_setting *s) {
  if (s->fd >= 0) {
    int fault = maud_fault("gpio_set_values");
    if (fault < 0) return 0;
    struct gpio_v2_line_values values = { .bits = (uint64_t)s->value, .mask = 1 };
    if (fault == 0 && ioctl(s->fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) == 0) return 0;
    /* The chip may have gone and come back. */
    close(s->fd);
    s->fd = -1;
  }
  return request_line(s);
}
static void run(struct maud_job *job) {
  maud_setting *s = (maud_setting *)job;
  s->result = 0;
  if (s->chip) { s->result = set_line(s); return; }
  for (unsigned i = 0; i < s->count; i++) {
    const struct text *t = &s->texts[i];
    int result = t->manner == MAUD_SETTING_REPLACE ? replace(t) : write_in_place(t);
    if (result < 0 && t->manner != MAUD_SETTING_MAY_FAIL) { s->result = result; return; }
  }
}
struct maud_job *maud_setting_job(maud_setting *s) { s->job.run = run; return &s->job; }
