#define _GNU_SOURCE 1
#include "internal.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <limits.h>

/* Jobs of our own need a few KiB; the modules of the system's resolver need more. Only what is used takes memory. */
enum { STACK = 256 * 1024 };

struct queue { struct maud_job *first, *last; };
struct maud_worker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  struct queue waiting, finished;
  unsigned capacity, count;   /* count: submitted and not yet taken */
  int event_fd;
  bool stopping;
};

static void append(struct queue *q, struct maud_job *job) {
  job->next = NULL;
  if (q->last) q->last->next = job; else q->first = job;
  q->last = job;
}
static struct maud_job *remove_first(struct queue *q) {
  struct maud_job *job = q->first;
  if (job) { q->first = job->next; if (!q->first) q->last = NULL; job->next = NULL; }
  return job;
}
static void *work(void *argument) {
  maud_worker *w = argument;
  pthread_mutex_lock(&w->mutex);
  for (;;) {
    struct maud_job *job = remove_first(&w->waiting);
    if (!job) {
      if (w->stopping) break;
      pthread_cond_wait(&w->condition, &w->mutex);
      continue;
    }
    pthread_mutex_unlock(&w->mutex);
    job->run(job);
    pthread_mutex_lock(&w->mutex);
    /* One wake-up of the loop for all results that it has not taken yet. */
    bool wake = w->finished.first == NULL;
    append(&w->finished, job);
    if (wake) maud_eventfd_signal(w->event_fd);
  }
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}
int maud_worker_start(unsigned capacity, maud_worker **worker, int *event_fd) {
  FAULT("pthread_create");
  maud_worker *w = calloc(1, sizeof *w);
  if (!w) return -ENOMEM;
  w->capacity = capacity;
  w->event_fd = maud_eventfd();
  if (w->event_fd < 0) { int e = w->event_fd; free(w); return e; }
  pthread_mutex_init(&w->mutex, NULL);
  pthread_cond_init(&w->condition, NULL);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK > PTHREAD_STACK_MIN ? STACK : PTHREAD_STACK_MIN);
  /* Signals are the loop's: the thread starts with all of them blocked. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int r = pthread_create(&w->thread, &attributes, work, w);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  if (r != 0) { close(w->event_fd); free(w); return -r; }
  *worker = w;
  *event_fd = w->event_fd;
  return 0;
}
int maud_worker_submit(maud_worker *w, struct maud_job *job) {
  pthread_mutex_lock(&w->mutex);
  bool full = w->count >= w->capacity;
  if (!full) {
    w->count++;
    append(&w->waiting, job);
    pthread_cond_signal(&w->condition);
  }
  pthread_mutex_unlock(&w->mutex);
  return full ? -EAGAIN : 0;
}
struct maud_job *maud_worker_take(maud_worker *w) {
  pthread_mutex_lock(&w->mutex);
  struct maud_job *job = remove_first(&w->finished);
  if (job) w->count--;
  pthread_mutex_unlock(&w->mutex);
  return job;
}
void maud_worker_stop(maud_worker *w) {
  pthread_mutex_lock(&w->mutex);
  w->stopping = true;
  pthread_cond_signal(&w->condition);
  pthread_mutex_unlock(&w->mutex);
  pthread_join(w->thread, NULL);
  close(w->event_fd);
  pthread_mutex_destroy(&w->mutex);
  pthread_cond_destroy(&w->condition);
  free(w);
}
