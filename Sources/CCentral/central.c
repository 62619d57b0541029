#define _GNU_SOURCE 1
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Calls to bluetoothd and their answers. */

/* ---- The daemon ---- */
static int daemon_changed(sd_bus_message *m, void *central, sd_bus_error *error) {
  (void)m; (void)error;
  struct maud_central *c = central;
  struct maud_central_event e = { .kind = MAUD_CENTRAL_DAEMON_CHANGED, .descriptor = -1 };
  c->looking = sd_bus_slot_unref(c->looking);
  c->function(c->owner, &e);
  return 0;
}
static int disconnected(sd_bus_message *m, void *central, sd_bus_error *error) {
  (void)m; (void)error;
  struct maud_central *c = central;
  struct maud_central_event e = { .kind = MAUD_CENTRAL_BROKEN, .descriptor = -1 };
  c->function(c->owner, &e);
  return 0;
}
int maud_central_open(maud_central_function function, void *owner, maud_central **central) {
  static const struct maud_bus_match matches[] = {
    { "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BLUEZ "'", daemon_changed },
    { "type='signal',sender='" BLUEZ "',interface='" PROPERTIES "',member='PropertiesChanged',path_namespace='/org/bluez'", maud_central_take_changed },
    { "type='signal',sender='" BLUEZ "',interface='" OBJECTS "',member='InterfacesAdded'", maud_central_take_added },
    { "type='signal',sender='" BLUEZ "',interface='" OBJECTS "',member='InterfacesRemoved'", maud_central_take_removed },
    { "type='signal',sender='org.freedesktop.DBus.Local',interface='org.freedesktop.DBus.Local',member='Disconnected'", disconnected },
  };
  maud_central *c = calloc(1, sizeof *c);
  if (!c) return -ENOMEM;
  c->function = function;
  c->owner = owner;
  int r = maud_bus_open(matches, sizeof matches / sizeof *matches, c, &c->bus);
  if (r >= 0) r = maud_central_look(c);
  if (r < 0) { maud_central_close(c); return r; }
  *central = c;
  return 0;
}
int maud_central_look(maud_central *c) {
  sd_bus_message *m = NULL;
  c->looking = sd_bus_slot_unref(c->looking);
  int r = maud_bus_call(c->bus, BLUEZ, "/", OBJECTS, "GetManagedObjects", &m);
  return maud_bus_send(c->bus, r, m, &c->looking, maud_central_take_objects, c);
}
void maud_central_close(maud_central *c) {
  sd_bus_slot_unref(c->looking);
  maud_bus_close(c->bus);
  free(c);
}
struct sd_bus *maud_central_bus(maud_central *c) { return c->bus; }

/* ---- Answers ---- */
struct call { struct maud_central *central; uint64_t tag; };

static void take_descriptor(sd_bus_message *m, struct maud_central_event *e) {
  int descriptor;
  if (sd_bus_message_read(m, "hq", &descriptor, &e->mtu) <= 0) return;
  /* The message's own one is closed with it. */
  e->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (e->descriptor >= 0) fcntl(e->descriptor, F_SETFL, fcntl(e->descriptor, F_GETFL) | O_NONBLOCK);
}
static int take_answer(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct call *call = owner;
  const sd_bus_error *failure = sd_bus_message_get_error(m);
  struct maud_central_event e = { .kind = MAUD_CENTRAL_ANSWER, .tag = call->tag, .descriptor = -1 };
  const void *octets;
  if (failure) { e.error = failure->name; e.message = failure->message; }
  else if (sd_bus_message_has_signature(m, "ay") > 0) { if (sd_bus_message_read_array(m, 'y', &octets, &e.count) >= 0) e.octets = octets; }
  else if (sd_bus_message_has_signature(m, "hq") > 0) take_descriptor(m, &e);
  call->central->function(call->central->owner, &e);
  return 0;
}
static int send_call(struct maud_central *c, uint64_t tag, int r, sd_bus_message *m) {
  sd_bus_slot *slot = NULL;
  struct call *call = r < 0 ? NULL : malloc(sizeof *call);
  if (call) *call = (struct call){ c, tag };
  else if (r >= 0) r = -ENOMEM;
  r = maud_bus_send(c->bus, r, m, &slot, take_answer, call);
  if (r < 0) { free(call); return r; }
  /* The call goes with its slot, and that with the answer or the bus, which has a reference of its own from now on. */
  sd_bus_slot_set_destroy_callback(slot, free);
  r = sd_bus_slot_set_floating(slot, 1);
  sd_bus_slot_unref(slot);
  return r;
}

/* ---- Calls ---- */
int maud_central_filter(maud_central *c, uint64_t tag, const char *adapter) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, adapter, ADAPTER, "SetDiscoveryFilter", &m);
  if (r >= 0) r = sd_bus_message_append(m, "a{sv}", 2, "UUIDs", "as", 1, SERVICE_UUID, "Transport", "s", "le");
  return send_call(c, tag, r, m);
}
int maud_central_call_adapter(maud_central *c, uint64_t tag, const char *adapter, const char *member) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, adapter, ADAPTER, member, &m);
  return send_call(c, tag, r, m);
}
int maud_central_remove(maud_central *c, uint64_t tag, const char *adapter, const char *device) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, adapter, ADAPTER, "RemoveDevice", &m);
  if (r >= 0) r = sd_bus_message_append(m, "o", device);
  return send_call(c, tag, r, m);
}
int maud_central_call_device(maud_central *c, uint64_t tag, const char *device, const char *member) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, device, DEVICE, member, &m);
  return send_call(c, tag, r, m);
}
int maud_central_start_notify(maud_central *c, uint64_t tag, const char *characteristic) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, characteristic, CHARACTERISTIC, "StartNotify", &m);
  return send_call(c, tag, r, m);
}
int maud_central_ask(maud_central *c, uint64_t tag, const char *characteristic, const char *member) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, characteristic, CHARACTERISTIC, member, &m);
  if (r >= 0) r = sd_bus_message_append(m, "a{sv}", 0);
  return send_call(c, tag, r, m);
}
int maud_central_write(maud_central *c, uint64_t tag, const char *characteristic, const uint8_t *octets, size_t count) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, characteristic, CHARACTERISTIC, "WriteValue", &m);
  if (r >= 0) r = sd_bus_message_append_array(m, 'y', octets, count);
  if (r >= 0) r = sd_bus_message_append(m, "a{sv}", 1, "type", "s", "command");
  return send_call(c, tag, r, m);
}
void maud_central_leave(maud_central *c, const char *device) {
  sd_bus_message *m = NULL;
  int r = maud_bus_call(c->bus, BLUEZ, device, DEVICE, "Disconnect", &m);
  maud_bus_send_without_answer(c->bus, r, m);
}
void maud_central_flush(maud_central *c) { sd_bus_flush(c->bus); }
