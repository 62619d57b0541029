/* What the C files that talk to a daemon share; none of it is for Swift. Functions return >= 0 or -errno. */
#ifndef MAUD_BUS_H
#define MAUD_BUS_H
#include "CBus.h"
#include <systemd/sd-bus.h>

struct maud_bus_match { const char *match; sd_bus_message_handler_t handler; };
/* Connects to the system's bus and asks for signals. The handlers get `owner`. */
int maud_bus_open(const struct maud_bus_match *matches, unsigned count, void *owner, sd_bus **bus);
/* Without flushing, which may block: daemons forget what a client that is gone had told them. NULL is fine. */
void maud_bus_close(sd_bus *bus);

/* A call that does not start the daemon: whoever stopped it had a reason. */
int maud_bus_call(sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_message **m);
/* Sends a call whose making returned `r`, and gives it up. With `slot` the answer can be given up too. */
int maud_bus_send(sd_bus *bus, int r, sd_bus_message *m, sd_bus_slot **slot, sd_bus_message_handler_t answer, void *owner);
/* The same when nobody waits for the answer. */
void maud_bus_send_without_answer(sd_bus *bus, int r, sd_bus_message *m);

/* Reads a{sv}: `take` is called for each key, reads the variant and returns > 0, or 0 to have it skipped. */
int maud_bus_read_dictionary(sd_bus_message *m, int (*take)(sd_bus_message *m, const char *key, void *owner), void *owner);
#endif
