#define _GNU_SOURCE 1
#include "internal.h"
#include <string.h>

/* What bluetoothd says of its objects (BlueZ's org.bluez.Adapter(5), org.bluez.Device(5) and org.bluez.GattCharacteristic(5)), as events. */

static int take_text(sd_bus_message *m, const char **text) { return sd_bus_message_read(m, "v", "s", text); }
static int take_flag(sd_bus_message *m, struct maud_central_event *e, bool *flag, unsigned property) {
  int value, r = sd_bus_message_read(m, "v", "b", &value);
  if (r > 0) { *flag = value; e->has |= property; }
  return r;
}
static int take_address(sd_bus_message *m, const char *key, struct maud_central_event *e) {
  const char *type;
  int r;
  if (strcmp(key, "Address") == 0) {
    r = take_text(m, &e->address);
    if (r > 0) e->has |= MAUD_CENTRAL_ADDRESS;
    return r;
  }
  if (strcmp(key, "AddressType") != 0) return 0;
  r = take_text(m, &type);
  if (r > 0) { e->is_random = strcmp(type, "random") == 0; e->has |= MAUD_CENTRAL_RANDOM; }
  return r;
}
static int take_adapter(sd_bus_message *m, const char *key, void *event) {
  struct maud_central_event *e = event;
  const char *state;
  if (strcmp(key, "Powered") == 0) return take_flag(m, e, &e->is_powered, MAUD_CENTRAL_POWERED);
  if (strcmp(key, "PowerState") == 0) {
    int r = take_text(m, &state);
    if (r > 0) { e->is_blocked = strcmp(state, "off-blocked") == 0; e->has |= MAUD_CENTRAL_BLOCKED; }
    return r;
  }
  return take_address(m, key, e);
}

/* ---- Devices ---- */
static int take_identity(sd_bus_message *m, struct maud_central_event *e) {
  const char *uuid;
  const void *octets;
  size_t count;
  int r = sd_bus_message_enter_container(m, 'v', "a{sv}");
  if (r > 0) r = sd_bus_message_enter_container(m, 'a', "{sv}");
  while (r > 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
    r = sd_bus_message_read(m, "s", &uuid);
    if (r > 0 && strcmp(uuid, SERVICE_UUID) == 0) {
      r = sd_bus_message_enter_container(m, 'v', "ay");
      if (r > 0) r = sd_bus_message_read_array(m, 'y', &octets, &count);
      if (r > 0 && count == sizeof e->identity) { memcpy(e->identity, octets, count); e->has |= MAUD_CENTRAL_IDENTITY; }
      if (r >= 0) r = sd_bus_message_exit_container(m);
      e->is_node = true;
    } else if (r > 0) r = sd_bus_message_skip(m, "v");
    if (r >= 0) r = sd_bus_message_exit_container(m);
  }
  if (r >= 0) r = sd_bus_message_exit_container(m);
  return r < 0 ? r : sd_bus_message_exit_container(m);
}
static int take_services(sd_bus_message *m, struct maud_central_event *e) {
  const char *uuid;
  int r = sd_bus_message_enter_container(m, 'v', "as");
  if (r > 0) r = sd_bus_message_enter_container(m, 'a', "s");
  while (r > 0 && (r = sd_bus_message_read(m, "s", &uuid)) > 0) if (strcmp(uuid, SERVICE_UUID) == 0) e->is_node = true;
  if (r >= 0) r = sd_bus_message_exit_container(m);
  return r < 0 ? r : sd_bus_message_exit_container(m);
}
/* Nodes of before BlueZ 5.80 say their identity in their name: "mau-" and 16 digits. */
static int take_name(sd_bus_message *m, struct maud_central_event *e) {
  static const char digits[] = "0123456789abcdef";
  const char *name;
  uint8_t identity[8] = { 0 };
  int r = take_text(m, &name);
  if (r <= 0 || strlen(name) != 20 || memcmp(name, "mau-", 4) != 0) return r;
  for (int i = 0; i < 16; i++) {
    const char *digit = strchr(digits, name[4 + i]);
    if (!digit) return r;
    identity[i / 2] = (uint8_t)(identity[i / 2] << 4 | (digit - digits));
  }
  memcpy(e->identity, identity, sizeof identity);
  e->has |= MAUD_CENTRAL_IDENTITY;
  return r;
}
static int take_device(sd_bus_message *m, const char *key, void *event) {
  struct maud_central_event *e = event;
  int16_t rssi;
  if (strcmp(key, "Connected") == 0) return take_flag(m, e, &e->is_connected, MAUD_CENTRAL_CONNECTED);
  if (strcmp(key, "ServicesResolved") == 0) return take_flag(m, e, &e->is_resolved, MAUD_CENTRAL_RESOLVED);
  if (strcmp(key, "RSSI") == 0) {
    int r = sd_bus_message_read(m, "v", "n", &rssi);
    if (r > 0) { e->rssi = rssi; e->has |= MAUD_CENTRAL_RSSI; }
    return r;
  }
  if (strcmp(key, "ServiceData") == 0) return take_identity(m, e);
  if (strcmp(key, "UUIDs") == 0) return take_services(m, e);
  if (strcmp(key, "Name") == 0) return take_name(m, e);
  return take_address(m, key, e);
}

/* ---- Characteristics ---- */
static int take_value(sd_bus_message *m, struct maud_central_event *e) {
  const void *octets;
  int r = sd_bus_message_enter_container(m, 'v', "ay");
  if (r > 0) r = sd_bus_message_read_array(m, 'y', &octets, &e->count);
  if (r < 0) return r;
  e->octets = octets;
  e->has |= MAUD_CENTRAL_VALUE;
  return sd_bus_message_exit_container(m);
}
static int take_characteristic(sd_bus_message *m, const char *key, void *event) {
  struct maud_central_event *e = event;
  int r;
  if (strcmp(key, "UUID") == 0) {
    r = take_text(m, &e->uuid);
    if (r > 0) e->has |= MAUD_CENTRAL_UUID;
    return r;
  }
  if (strcmp(key, "WriteAcquired") == 0 || strcmp(key, "NotifyAcquired") == 0) return take_flag(m, e, &e->is_in_use, MAUD_CENTRAL_IN_USE);
  if (strcmp(key, "MTU") == 0) {
    r = sd_bus_message_read(m, "v", "q", &e->mtu);
    if (r > 0) e->has |= MAUD_CENTRAL_MTU;
    return r;
  }
  return strcmp(key, "Value") == 0 ? take_value(m, e) : 0;
}

/* ---- Messages ---- */
/* One interface's properties, a{sv}. */
static int take_interface(struct maud_central *c, sd_bus_message *m, const char *path, const char *interface) {
  struct maud_central_event e = { .kind = MAUD_CENTRAL_OBJECT, .path = path, .descriptor = -1 };
  int (*take)(sd_bus_message *, const char *, void *);
  if (strcmp(interface, ADAPTER) == 0) { take = take_adapter; e.object = MAUD_CENTRAL_ADAPTER; }
  else if (strcmp(interface, DEVICE) == 0) { take = take_device; e.object = MAUD_CENTRAL_DEVICE; }
  else if (strcmp(interface, CHARACTERISTIC) == 0) { take = take_characteristic; e.object = MAUD_CENTRAL_CHARACTERISTIC; }
  else return sd_bus_message_skip(m, "a{sv}");
  int r = maud_bus_read_dictionary(m, take, &e);
  if (r >= 0) c->function(c->owner, &e);
  return r;
}
/* One object's interfaces, a{sa{sv}}. */
static int take_interfaces(struct maud_central *c, sd_bus_message *m, const char *path) {
  const char *interface;
  int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
  while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
    r = sd_bus_message_read(m, "s", &interface);
    if (r >= 0) r = take_interface(c, m, path, interface);
    if (r >= 0) r = sd_bus_message_exit_container(m);
  }
  return r < 0 ? r : sd_bus_message_exit_container(m);
}
int maud_central_take_objects(sd_bus_message *m, void *central, sd_bus_error *error) {
  (void)error;
  struct maud_central *c = central;
  const char *path;
  const sd_bus_error *failure = sd_bus_message_get_error(m);
  struct maud_central_event e = { .kind = MAUD_CENTRAL_READY, .descriptor = -1 };
  c->looking = sd_bus_slot_unref(c->looking);
  if (failure) { e.error = failure->name; e.message = failure->message; }
  else {
    int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
      r = sd_bus_message_read(m, "o", &path);
      if (r >= 0) r = take_interfaces(c, m, path);
      if (r >= 0) r = sd_bus_message_exit_container(m);
    }
    if (r < 0) e.error = "org.freedesktop.DBus.Error.InvalidArgs";
  }
  c->function(c->owner, &e);
  return 0;
}
int maud_central_take_added(sd_bus_message *m, void *central, sd_bus_error *error) {
  (void)error;
  const char *path;
  if (sd_bus_message_read(m, "o", &path) > 0) take_interfaces(central, m, path);
  return 0;
}
int maud_central_take_removed(sd_bus_message *m, void *central, sd_bus_error *error) {
  (void)error;
  struct maud_central *c = central;
  const char *path, *interface;
  struct maud_central_event e = { .kind = MAUD_CENTRAL_GONE, .descriptor = -1 };
  if (sd_bus_message_read(m, "o", &path) <= 0 || sd_bus_message_enter_container(m, 'a', "s") <= 0) return 0;
  bool is_ours = false;
  while (sd_bus_message_read(m, "s", &interface) > 0)
    if (strcmp(interface, ADAPTER) == 0 || strcmp(interface, DEVICE) == 0 || strcmp(interface, CHARACTERISTIC) == 0) is_ours = true;
  e.path = path;
  if (is_ours) c->function(c->owner, &e);
  return 0;
}
int maud_central_take_changed(sd_bus_message *m, void *central, sd_bus_error *error) {
  (void)error;
  struct maud_central *c = central;
  const char *path = sd_bus_message_get_path(m), *interface, *name;
  if (!path || sd_bus_message_read(m, "s", &interface) <= 0 || take_interface(c, m, path, interface) < 0 || strcmp(interface, DEVICE) != 0) return 0;
  /* RSSI is there as long as somebody listens. */
  struct maud_central_event e = { .kind = MAUD_CENTRAL_OBJECT, .object = MAUD_CENTRAL_DEVICE, .path = path, .has = MAUD_CENTRAL_RSSI, .descriptor = -1 };
  if (sd_bus_message_enter_container(m, 'a', "s") > 0)
    while (sd_bus_message_read(m, "s", &name) > 0) if (strcmp(name, "RSSI") == 0) c->function(c->owner, &e);
  return 0;
}
