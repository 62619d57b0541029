#include "bus.h"
#include <poll.h>
#include <time.h>

int maud_bus_open(const struct maud_bus_match *matches, unsigned count, void *owner, sd_bus **bus) {
  int r = sd_bus_open_system(bus);
  for (unsigned i = 0; r >= 0 && i < count; i++) r = sd_bus_add_match_async(*bus, NULL, matches[i].match, matches[i].handler, NULL, owner);
  return r;
}
void maud_bus_close(sd_bus *bus) {
  if (!bus) return;
  sd_bus_close(bus);
  sd_bus_unref(bus);
}
int maud_bus_descriptor(sd_bus *bus) { return sd_bus_get_fd(bus); }
int maud_bus_events(sd_bus *bus) {
  int events = sd_bus_get_events(bus);
  if (events < 0) return events;
  return (events & POLLIN ? 1 : 0) | (events & POLLOUT ? 4 : 0);
}
int64_t maud_bus_timeout(sd_bus *bus) {
  uint64_t until;
  struct timespec now;
  if (sd_bus_get_timeout(bus, &until) < 0 || until == UINT64_MAX) return -1;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t present = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
  return until <= present ? 0 : (int64_t)(until - present) * 1000;
}
bool maud_bus_process(sd_bus *bus) {
  for (int i = 0; i < 64; i++) if (sd_bus_process(bus, NULL) <= 0) return false;
  return true;
}

int maud_bus_call(sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_message **m) {
  int r = sd_bus_message_new_method_call(bus, m, destination, path, interface, member);
  if (r >= 0) r = sd_bus_message_set_auto_start(*m, 0);
  return r;
}
int maud_bus_send(sd_bus *bus, int r, sd_bus_message *m, sd_bus_slot **slot, sd_bus_message_handler_t answer, void *owner) {
  if (r >= 0) r = sd_bus_call_async(bus, slot, m, answer, owner, 0);
  sd_bus_message_unref(m);
  return r;
}
void maud_bus_send_without_answer(sd_bus *bus, int r, sd_bus_message *m) {
  if (r >= 0) r = sd_bus_message_set_expect_reply(m, 0);
  if (r >= 0) sd_bus_send(bus, m, NULL);
  sd_bus_message_unref(m);
}

int maud_bus_read_dictionary(sd_bus_message *m, int (*take)(sd_bus_message *m, const char *key, void *owner), void *owner) {
  int r = sd_bus_message_enter_container(m, 'a', "{sv}");
  while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
    const char *key;
    r = sd_bus_message_read(m, "s", &key);
    if (r >= 0) r = take(m, key, owner);
    if (r == 0) r = sd_bus_message_skip(m, "v");
    if (r >= 0) r = sd_bus_message_exit_container(m);
  }
  return r < 0 ? r : sd_bus_message_exit_container(m);
}
