/* What the content store does to the disk, as jobs of the worker (store.c, scan.c).
 *
 * Every job begins with struct maud_job, is created here in one piece of memory with its names and octets copied into it,
 * and is freed with maud_store_free. It may also be run at once: job->run(job). On failure `error` is an errno (> 0) and `call` the
 * name of the system call. */
#ifndef MAUD_STORE_H
#define MAUD_STORE_H
#include "CLinux.h"

/* A directory of content files: its descriptor and the newest modification time given or seen in it, which only rises, but for a restamp of all that is later.
 * Times are nanoseconds since 1970. The functions may be called from any thread. */
typedef struct maud_store_directory maud_store_directory;
int maud_store_directory_open(int parent, const char *path, maud_store_directory **directory); /* O_NOFOLLOW */
void maud_store_directory_close(maud_store_directory *directory);
int maud_store_directory_descriptor(const maud_store_directory *directory);
int64_t maud_store_directory_newest(const maud_store_directory *directory);
/* The files that had later times have earlier ones now. */
void maud_store_directory_reset(maud_store_directory *directory, int64_t time);
void maud_store_directory_raise(maud_store_directory *directory, int64_t time);

/* Every job's outcome. */
struct maud_outcome { int error; const char *call; };

/* ---- Writing one file, atomically and durably ---- */
struct maud_put {
  struct maud_job job;
  struct maud_outcome outcome;
  maud_store_directory *directory;
  const char *name;
  const uint8_t *octets;
  size_t count;
  const char *received;        /* instead of octets: a file of this directory that holds them; sum is known. It stays after a failure */
  bool exclusive;              /* EEXIST instead of replacing: an immutable file */
  bool keep_version;           /* the previous content goes to <name>.versions/<its SHA-256>.pgp first */
  uint32_t version_count;      /* then the oldest versions beyond these bounds are removed */
  int64_t version_octets;
  int64_t now;                 /* the node's time; the file's becomes the later of it and the newest + 1 microsecond */
  bool previous_is_known;      /* previous and previous_sum tell what the file held: hashed again only if it changed */
  struct maud_status previous;
  uint8_t previous_sum[32];
  /* results */
  uint8_t sum[32];
  struct maud_status status;
  bool kept;                   /* a version was made: version_sum and version_status */
  uint8_t version_sum[32];
  struct maud_status version_status;
};
struct maud_put *maud_put_create(maud_store_directory *directory, const void *name, size_t name_count, const void *octets, size_t count);

/* ---- Receiving one file (receive.c) ---- */
/* `.maud-<sha256>.part` in a directory of content: what arrived of a file whose size and SHA-256 are known. It outlives the process, and the
 * next one goes on where it ends. One job at a time; which one, `step` says. */
enum maud_receive_step {
  MAUD_RECEIVE_BEGIN,   /* opens the file and hashes what is there: offset */
  MAUD_RECEIVE_APPEND,  /* octets and count */
  MAUD_RECEIVE_RESTART, /* empties it */
  MAUD_RECEIVE_FINISH,  /* EBADMSG when the sum is another than expected; then it is removed */
  MAUD_RECEIVE_REMOVE,
};
struct maud_receive {
  struct maud_job job;
  struct maud_outcome outcome;
  maud_store_directory *directory;
  enum maud_receive_step step;
  bool clean;                  /* with MAUD_RECEIVE_BEGIN: removes what others of its kind left in the directory */
  char name[80];
  int64_t size;
  uint8_t expected[32];
  const uint8_t *octets;
  size_t count;
  /* results */
  int64_t offset;              /* octets in the file */
  int descriptor;              /* -1 before it is open */
};
struct maud_receive *maud_receive_create(maud_store_directory *directory, const uint8_t sum[32], int64_t size);
const char *maud_receive_name(const struct maud_receive *receive);
void maud_receive_free(struct maud_receive *receive); /* closes the file, which stays */

/* ---- Looking at one file ---- */
struct maud_examination {
  struct maud_job job;
  struct maud_outcome outcome; /* EBUSY: someone is writing it; look again when it is closed */
  maud_store_directory *directory;
  const char *path;            /* relative to the directory */
  int64_t size_limit;          /* EFBIG beyond: not read, however long that would take */
  bool arrival;                /* made durable, and given a time that is newer than any other when it is not, or in the future */
  bool is_version;             /* its time stays what it is */
  bool is_known;               /* with this time and sum it is no arrival, only looked at once more */
  int64_t known_time;
  uint8_t known_sum[32];
  int64_t now;
  /* results */
  struct maud_status status;
  uint8_t sum[32];
  uint8_t *head;               /* the first octets */
  size_t head_capacity, head_count;
};
struct maud_examination *maud_examination_create(maud_store_directory *directory, const void *path, size_t path_count, size_t head_capacity);

/* ---- Listing a directory in portions ---- */
struct maud_scan {
  struct maud_job job;
  struct maud_outcome outcome;
  maud_store_directory *directory;
  const char *path;            /* a directory in it, or "." */
  bool clean;                  /* removes the temporary files of processes that are gone */
  /* results: submit the job again until is_complete */
  bool is_complete;
  maud_directory *stream;
  int descriptor;
  size_t used, read;
  _Alignas(8) uint8_t portion[16384];
};
struct maud_scan *maud_scan_create(maud_store_directory *directory, const void *path, size_t path_count);
/* The next entry of this portion: false when there is none. The name is valid until the job runs again. */
bool maud_scan_next(struct maud_scan *scan, struct maud_status *status, const char **name);

/* ---- Removing files ---- */
struct maud_removal {
  struct maud_job job;
  struct maud_outcome outcome;
  maud_store_directory *directory;
  const char *paths;           /* one after the other, each with its NUL */
  size_t paths_size;
  size_t removed;              /* so many from the first on are gone */
};
struct maud_removal *maud_removal_create(maud_store_directory *directory, const void *paths, size_t paths_size);

/* ---- Giving files new times, in the order given ---- */
struct maud_restamp {
  struct maud_job job;
  struct maud_outcome outcome;
  maud_store_directory *directory;
  const char *names;           /* as in maud_removal */
  size_t count;
  int64_t first;               /* the time of the first; each next one is a microsecond later */
  size_t restamped;            /* so many have theirs, on disk */
  struct maud_status *status;  /* of each that has; zeros of the others */
};
struct maud_restamp *maud_restamp_create(maud_store_directory *directory, const void *names, size_t names_size, size_t count);

/* Frees any job of this file with everything in it. */
void maud_store_free(struct maud_job *job);
#endif
