/* The claim code and its files (docs/claim.md, part 2): one that the node reads, one for a person. They are small, and one that is cut in the middle
 * is made anew, so each is written where it shall be: what a power cut left of a temporary one would lie on the boot partition for ever. */
#define _GNU_SOURCE 1
#include "internal.h"
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char start[] = "mau:", middle[] = "?claim=";
/* The largest file is looked at up to here. The code stands behind start, fingerprint, middle. */
enum { LONGEST = 512, FINGERPRINT = 20, CODE = sizeof start - 1 + 2 * FINGERPRINT + sizeof middle - 1 };
static const char explanation[] = "\n\nThis device has no owner yet. Whoever knows the line above can claim it: mau claim 'mau:...'\nThis file goes when the device has an owner.\n";

struct maud_claim {
  struct maud_job job;
  int error;
  char *path, *controllers, *file;
  char uri[MAUD_CLAIM_URI + 1];
};

bool maud_claim_read(const void *text, size_t count, char code[MAUD_CLAIM_CODE]) {
  const char *next = text, *end = next + count;
  size_t length = 0;
  for (; next < end; next++) {
    char digit = *next;
    if (digit == '-' || digit == ' ') continue;
    if (digit >= 'a' && digit <= 'z') digit -= 'a' - 'A';
    if (digit == 'I' || digit == 'L') digit = '1';
    if (digit == 'O') digit = '0';
    if (length == MAUD_CLAIM_CODE || digit == 0 || !strchr(digits, digit)) return false;
    code[length++] = digit;
  }
  return length == MAUD_CLAIM_CODE;
}
/* `mau:` and the fingerprint. */
static void write_start(const uint8_t fingerprint[FINGERPRINT], char *uri) {
  memcpy(uri, start, sizeof start - 1);
  for (int i = 0; i < 2 * FINGERPRINT; i++) uri[sizeof start - 1 + i] = "0123456789abcdef"[fingerprint[i / 2] >> (i % 2 ? 0 : 4) & 15];
}
void maud_claim_write(const char code[MAUD_CLAIM_CODE], const uint8_t fingerprint[FINGERPRINT], char uri[MAUD_CLAIM_URI]) {
  write_start(fingerprint, uri);
  memcpy(uri + CODE - (sizeof middle - 1), middle, sizeof middle - 1);
  char *out = uri + CODE;
  for (int i = 0; i < MAUD_CLAIM_CODE; i++) {
    if (i > 0 && i % 5 == 0) *out++ = '-';
    *out++ = code[i];
  }
}
const char *maud_claim_code_in(const char *uri, size_t count) {
  bool is_uri = count > CODE && memcmp(uri, start, sizeof start - 1) == 0 && memcmp(uri + CODE - (sizeof middle - 1), middle, sizeof middle - 1) == 0;
  return is_uri ? uri + CODE : NULL;
}
void maud_claim_random(char code[MAUD_CLAIM_CODE]) {
  maud_random(code, MAUD_CLAIM_CODE);
  for (int i = 0; i < MAUD_CLAIM_CODE; i++) code[i] = digits[code[i] & 31];
}

/* ---- Files ---- */
static char *join(const char *root, const char *name) {
  size_t count = strlen(root), more = strlen(name) + 1;
  char *path = malloc(count + more);
  if (path) { memcpy(path, root, count); memcpy(path + count, name, more); }
  return path;
}
static int synchronize_parent(const char *path) {
  char *parent = join(path, "/..");
  if (!parent) return -ENOMEM;
  /* What stands before the last slash; a dot when there is none. */
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] != '/') length--;
  if (length > 0) parent[length] = 0; else memcpy(parent, ".", 2);
  int directory = maud_openat(MAUD_AT_CWD, parent, MAUD_READ | MAUD_DIRECTORY, 0);
  free(parent);
  if (directory < 0) return directory;
  int result = maud_fsync(directory);
  maud_close(directory);
  return result;
}
/* The octets of a file of ours, or -EEXIST when it begins otherwise. */
static int look(const char *path, char octets[LONGEST]) {
  int fd = maud_openat(MAUD_AT_CWD, path, MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK, 0);
  if (fd < 0) return fd;
  int n = (int)maud_pread(fd, octets, LONGEST, 0);
  maud_close(fd);
  return n > 0 && memcmp(octets, start, n < 4 ? (size_t)n : 4) != 0 ? -EEXIST : n;
}
static int remove_file(const char *path) {
  char octets[LONGEST];
  int n = look(path, octets);
  /* What is not there, and what is somebody else's, is fine. */
  if (n == -ENOENT || n == -EEXIST) return 0;
  if (n >= 0) n = maud_unlinkat(MAUD_AT_CWD, path, false);
  return n < 0 ? n : synchronize_parent(path);
}
static int write_file(const char *path, const void *octets, size_t count) {
  char present[LONGEST];
  int n = look(path, present);
  if (n < 0 && n != -ENOENT) return n;
  /* One that is there may not be on the disk yet. */
  bool is_there = n >= 0 && (size_t)n == count && memcmp(present, octets, count) == 0;
  if (n >= 0 && !is_there && (n = maud_unlinkat(MAUD_AT_CWD, path, false)) < 0) return n;
  int fd = maud_openat(MAUD_AT_CWD, path, is_there ? MAUD_READ : MAUD_WRITE | MAUD_CREATE | MAUD_EXCLUSIVE | MAUD_NOFOLLOW, 0600);
  if (fd < 0) return fd;
  n = is_there ? 0 : (int)maud_write(fd, octets, count);
  if (n >= 0 && !is_there && (size_t)n < count) n = -ENOSPC;
  if (n >= 0) n = maud_fsync(fd);
  maud_close(fd);
  if (n >= 0) n = synchronize_parent(path);
  /* Half a code is none: it must not be taken for one that somebody was shown. */
  if (n < 0 && !is_there) maud_unlinkat(MAUD_AT_CWD, path, false);
  return n < 0 ? n : 0;
}

/* ---- A node's ---- */
static void failed(maud_claim *c, int result) { if (result < 0 && c->error == 0) c->error = -result; }
static void run(struct maud_job *job) {
  maud_claim *c = (maud_claim *)job;
  memset(c->uri, 0, sizeof c->uri);
  failed(c, remove_file(c->path));
  if (c->file[0]) failed(c, remove_file(c->file));
}
maud_claim *maud_claim_open(const char *root, const char *file) {
  maud_claim *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->job.run = run;
  c->path = join(root, "/.maud-claim");
  c->controllers = join(root, "/.mau/controllers");
  c->file = join(file, "");
  if (c->path && c->controllers && c->file) return c;
  maud_claim_free(c);
  return NULL;
}
void maud_claim_free(maud_claim *c) {
  free(c->path);
  free(c->controllers);
  free(c->file);
  free(c);
}
bool maud_claim_is_owned(maud_claim *c) {
  int fd = maud_openat(MAUD_AT_CWD, c->controllers, MAUD_READ | MAUD_DIRECTORY, 0);
  if (fd < 0) return fd != -ENOENT;
  maud_directory *directory;
  const char *name;
  int result = maud_directory_open(fd, &directory);
  maud_close(fd);
  if (result < 0) return true;
  while ((result = maud_directory_next(directory, &name)) == 1) {
    size_t count = strlen(name);
    if (name[0] != '.' && count > 4 && strcmp(name + count - 4, ".pgp") == 0) break;
  }
  maud_directory_close(directory);
  return result != 0;
}
const char *maud_claim_look(maud_claim *c) {
  char octets[LONGEST], code[MAUD_CLAIM_CODE];
  int n = look(c->path, octets);
  c->uri[0] = 0;
  if (n >= MAUD_CLAIM_URI && maud_claim_code_in(octets, MAUD_CLAIM_URI) && maud_claim_read(octets + CODE, MAUD_CLAIM_URI - CODE, code)) memcpy(c->uri, octets, MAUD_CLAIM_URI);
  else if (n < 0 && n != -ENOENT && n != -EEXIST) failed(c, n);
  return c->uri[0] ? c->uri : NULL;
}
const char *maud_claim_make(maud_claim *c, const uint8_t *fingerprint) {
  char code[MAUD_CLAIM_CODE];
  maud_claim_random(code);
  maud_claim_write(code, fingerprint, c->uri);
  c->uri[MAUD_CLAIM_URI] = '\n';
  int result = write_file(c->path, c->uri, MAUD_CLAIM_URI + 1);
  c->uri[result < 0 ? 0 : MAUD_CLAIM_URI] = 0;
  failed(c, result);
  return result < 0 ? NULL : c->uri;
}
const char *maud_claim_begin(maud_claim *c, const uint8_t *fingerprint) {
  if (maud_claim_is_owned(c)) { run(&c->job); return NULL; }
  char own[sizeof start - 1 + 2 * FINGERPRINT];
  write_start(fingerprint, own);
  if (!maud_claim_look(c) || memcmp(c->uri, own, sizeof own) != 0) {
    /* What cannot be read may be what somebody was shown. */
    if (c->error != 0 || !maud_claim_make(c, fingerprint)) return NULL;
  }
  if (c->file[0]) {
    char text[MAUD_CLAIM_URI + sizeof explanation - 1];
    memcpy(text, c->uri, MAUD_CLAIM_URI);
    memcpy(text + MAUD_CLAIM_URI, explanation, sizeof explanation - 1);
    failed(c, write_file(c->file, text, sizeof text));
  }
  return c->uri;
}
struct maud_job *maud_claim_job(maud_claim *c) { return &c->job; }
int maud_claim_error(const maud_claim *c) { return c->error; }
