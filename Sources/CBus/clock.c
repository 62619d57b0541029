#include "CBus.h"
#include "CLinux.h"
#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

struct maud_clock_question { struct maud_job job; bool is_disciplined; };

/* timedated may ask the kernel where a unit with ProtectClock= may not. It is started when it does not run, and ends by itself. */
static bool timedated_says_so(void) {
  const uint64_t limit = 5 * 1000000;
  sd_bus *bus = NULL;
  int flag = 0;
  int r = sd_bus_open_system(&bus);
  if (r >= 0) r = sd_bus_set_method_call_timeout(bus, limit);
  if (r >= 0) r = sd_bus_get_property_trivial(bus, "org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1", "NTPSynchronized", NULL, 'b', &flag);
  sd_bus_close_unref(bus);
  return r >= 0 && flag;
}
static void run(struct maud_job *job) {
  int answer = maud_clock_is_disciplined();
  ((maud_clock_question *)job)->is_disciplined = answer == -EPERM ? timedated_says_so() : answer > 0;
}
maud_clock_question *maud_clock_question_create(void) {
  maud_clock_question *q = calloc(1, sizeof *q);
  if (q) q->job.run = run;
  return q;
}
struct maud_job *maud_clock_question_job(maud_clock_question *question) { return &question->job; }
bool maud_clock_question_answer(const maud_clock_question *question) { return question->is_disciplined; }
void maud_clock_question_free(maud_clock_question *question) { free(question); }
