/* A connection to the system's message bus (sd-bus of libsystemd), for what talks to a daemon over it.
 *
 * Nothing blocks: the owner waits for the descriptor and the time, and calls maud_bus_process. */
#ifndef MAUD_CBUS_H
#define MAUD_CBUS_H
#include <stdbool.h>
#include <stdint.h>
#include "CLinux.h"

struct sd_bus;

int maud_bus_descriptor(struct sd_bus *bus);
/* MAUD_EVENT_IN and _OUT of CLinux: what the descriptor is waited for; or -errno: the connection is broken. */
int maud_bus_events(struct sd_bus *bus);
/* Nanoseconds until maud_bus_process must be called whatever happens; -1: never. */
int64_t maud_bus_timeout(struct sd_bus *bus);
/* Does what there is to do, at most 64 messages; whether more waits. */
bool maud_bus_process(struct sd_bus *bus);

/* Whether somebody disciplines the system's clock: asked as a job of a worker (CLinux.h), because where this process may not ask the kernel it
 * asks systemd-timedated, for 5 s at most. */
typedef struct maud_clock_question maud_clock_question;
maud_clock_question *maud_clock_question_create(void);
struct maud_job *maud_clock_question_job(maud_clock_question *question);
bool maud_clock_question_answer(const maud_clock_question *question); /* afterwards */
void maud_clock_question_free(maud_clock_question *question);
#endif
