#define _GNU_SOURCE 1
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* bluetoothd, its adapters, and what is registered with the one that is used (BlueZ's org.bluez.Adapter(5), org.bluez.GattManager(5),
 * org.bluez.LEAdvertisingManager(5)). Devices are never asked about: they come and go by the hundred where somebody scans. */
#define ADAPTER BLUEZ ".Adapter1"
#define PROPERTIES "org.freedesktop.DBus.Properties"

static void tell(struct maud_bluez *b, enum maud_bluez_kind kind, const char *error) {
  struct maud_bluez_event event = { .kind = kind, .state = b->state, .error = error };
  b->function(b->owner, &event);
}
static void forget(char **text) { free(*text); *text = NULL; }
static void give_up(sd_bus_slot **slot) { *slot = sd_bus_slot_unref(*slot); }
static int call_adapter(struct maud_bluez *b, const char *interface, const char *member, sd_bus_message **m) {
  return b->adapter ? maud_bus_call(b->bus, BLUEZ, b->adapter, interface, member, m) : -ENODEV;
}

/* ---- State ---- */
static void look(struct maud_bluez *b);

static void set_state(struct maud_bluez *b, enum maud_bluez_state state) {
  b->state = state;
  if (state != MAUD_BLUEZ_ON) { b->is_anywhere = false; give_up(&b->registering); give_up(&b->advertising); }
  if (state < MAUD_BLUEZ_OFF) forget(&b->adapter);
  tell(b, MAUD_BLUEZ_STATE, NULL);
}
/* Before BlueZ 5.72 the adapter has no PowerState: the kernel is asked. */
static bool is_blocked_in_kernel(const struct maud_bluez *b) {
  char pattern[128];
  bool is_blocked = false;
  glob_t found = { 0 };
  snprintf(pattern, sizeof pattern, "/sys/class/bluetooth/%s/rfkill*/[sh]*", strrchr(b->adapter, '/') + 1); /* soft, hard, state, subsystem */
  if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) {
      const char *name = strrchr(found.gl_pathv[i], '/') + 1;
      char value = 0;
      int fd = strcmp(name, "soft") == 0 || strcmp(name, "hard") == 0 ? open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC) : -1;
      if (fd < 0) continue;
      if (read(fd, &value, 1) == 1 && value == '1') is_blocked = true;
      close(fd);
    }
  globfree(&found);
  return is_blocked;
}
static void update_state(struct maud_bluez *b) {
  bool is_blocked = b->tells_blocking ? b->is_blocked : !b->is_powered && is_blocked_in_kernel(b);
  set_state(b, b->is_powered ? MAUD_BLUEZ_ON : is_blocked ? MAUD_BLUEZ_BLOCKED : MAUD_BLUEZ_OFF);
}

/* ---- The adapter ---- */
static int take_property(sd_bus_message *m, const char *key, void *owner) {
  struct maud_bluez *b = owner;
  const char *text;
  int value, r;
  if (strcmp(key, "Powered") == 0) {
    r = sd_bus_message_read(m, "v", "b", &value);
    if (r > 0) b->is_powered = value;
    return r;
  }
  if (strcmp(key, "PowerState") == 0) {
    r = sd_bus_message_read(m, "v", "s", &text);
    if (r > 0) { b->tells_blocking = true; b->is_blocked = strcmp(text, "off-blocked") == 0; }
    return r;
  }
  if (strcmp(key, "Manufacturer") == 0) b->has_manufacturer = true;
  if (strcmp(key, "Connectable") == 0) b->has_connectable = true;
  return 0;
}
static int take_properties(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  give_up(&b->looking);
  if (b->looks_again) { look(b); return 0; }
  b->is_powered = b->is_blocked = b->tells_blocking = b->has_manufacturer = b->has_connectable = false;
  if (sd_bus_message_is_method_error(m, NULL) || maud_bus_read_dictionary(m, take_property, b) < 0) set_state(b, MAUD_BLUEZ_NO_ADAPTER);
  else update_state(b);
  return 0;
}
static int properties_changed(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  const char *path = sd_bus_message_get_path(m), *interface;
  bool was_powered = b->is_powered, was_blocked = b->is_blocked;
  if (b->state < MAUD_BLUEZ_OFF || !path || strcmp(path, b->adapter) != 0) return 0;
  if (sd_bus_message_read(m, "s", &interface) < 0 || maud_bus_read_dictionary(m, take_property, b) < 0) return 0;
  if (was_powered != b->is_powered || was_blocked != b->is_blocked) update_state(b);
  return 0;
}
static int adapters_changed(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  const char *path, *interface;
  if (sd_bus_message_is_signal(m, NULL, "InterfacesRemoved") && sd_bus_message_read(m, "o", &path) > 0 && b->adapter && strcmp(path, b->adapter) == 0) {
    /* It may be back before it is looked for. */
    bool is_gone = false;
    if (sd_bus_message_enter_container(m, 'a', "s") > 0)
      while (sd_bus_message_read(m, "s", &interface) > 0) if (strcmp(interface, ADAPTER) == 0) is_gone = true;
    if (is_gone) set_state(b, MAUD_BLUEZ_NO_ADAPTER);
  }
  look(b);
  return 0;
}
static int is_watching(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)m; (void)error;
  look(owner);
  return 0;
}
/* With an adapter only its own coming and going is heard of, and not that of each device that is seen in the air. Looks then, because something may have changed
 * before it was watched. */
static void watch(struct maud_bluez *b, const char *name) {
  char match[256];
  snprintf(match, sizeof match, "type='signal',sender='" BLUEZ "',path='/',interface='org.freedesktop.DBus.ObjectManager'%s%s%s", name ? ",arg0path='/org/bluez/" : "", name ? name : "", name ? "'" : "");
  if (b->watch && strcmp(match, b->watched) == 0) return;
  give_up(&b->watch);
  strcpy(b->watched, match);
  sd_bus_add_match_async(b->bus, &b->watch, match, adapters_changed, is_watching, b);
}
/* The name of an adapter, this one or any, in what introspection says of /org/bluez: `<node name="hci0"/>`. */
static bool find_adapter(const char *xml, const char *wanted, char *name, size_t size) {
  static const char beginning[] = "<node name=\"";
  name[0] = 0;
  while ((xml = strstr(xml, beginning))) {
    xml += sizeof beginning - 1;
    size_t count = strcspn(xml, "\"/<>'");
    if (count == 0 || count >= size || xml[count] != '"') continue;
    bool is_better = wanted ? strlen(wanted) == count && memcmp(wanted, xml, count) == 0
                            : !name[0] || count < strlen(name) || (count == strlen(name) && memcmp(xml, name, count) < 0);
    if (is_better) { memcpy(name, xml, count); name[count] = 0; }
  }
  return name[0];
}
/* The one that is used stays it as long as it is there: everything is registered with it. */
static bool choose_adapter(struct maud_bluez *b, const char *xml, char *name, size_t size) {
  const char *used = maud_bluez_adapter(b);
  return (used && find_adapter(xml, used, name, size)) || find_adapter(xml, b->wanted, name, size);
}
static int take_nodes(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  const char *xml;
  char name[64], path[sizeof name + 16];
  give_up(&b->looking);
  if (b->looks_again) { look(b); return 0; }
  if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &xml) < 0 || !choose_adapter(b, xml, name, sizeof name)) {
    watch(b, b->wanted);
    set_state(b, MAUD_BLUEZ_NO_ADAPTER);
    return 0;
  }
  snprintf(path, sizeof path, "/org/bluez/%s", name);
  if (!b->adapter || strcmp(b->adapter, path) != 0) {
    /* With the other one nothing is registered. */
    if (b->adapter) set_state(b, MAUD_BLUEZ_NO_ADAPTER);
    b->adapter = strdup(path);
    watch(b, name);
  }
  sd_bus_message *get = NULL;
  int r = call_adapter(b, PROPERTIES, "GetAll", &get);
  if (r >= 0) r = sd_bus_message_append(get, "s", ADAPTER);
  maud_bus_send(b->bus, r, get, &b->looking, take_properties, b);
  return 0;
}
/* Which adapter there is, and how it is; the answer is a MAUD_BLUEZ_STATE. */
static void look(struct maud_bluez *b) {
  b->looks_again = b->looking;
  if (b->looking || !b->daemon) return;
  sd_bus_message *m = NULL;
  int r = maud_bus_call(b->bus, BLUEZ, "/org/bluez", "org.freedesktop.DBus.Introspectable", "Introspect", &m);
  maud_bus_send(b->bus, r, m, &b->looking, take_nodes, b);
}

/* ---- The daemon ---- */
static void set_daemon(struct maud_bluez *b, const char *name) {
  forget(&b->daemon);
  give_up(&b->looking);
  if (name) b->daemon = strdup(name);
  if (!name || b->state != MAUD_BLUEZ_ABSENT) set_state(b, MAUD_BLUEZ_ABSENT);
  if (b->daemon) { watch(b, b->wanted); look(b); }
}
static int name_owner_changed(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  const char *name, *before, *after;
  if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0) set_daemon(owner, after[0] ? after : NULL);
  return 0;
}
static int take_owner(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  const char *name;
  give_up(&b->looking);
  set_daemon(b, sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &name) < 0 ? NULL : name);
  return 0;
}
static int disconnected(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)m; (void)error;
  tell(owner, MAUD_BLUEZ_BROKEN, NULL);
  return 0;
}

/* ---- What is registered ---- */
/* The name of an error that means that something is not so; NULL when it is, or was already. */
static const char *problem(sd_bus_message *m) {
  if (!sd_bus_message_is_method_error(m, NULL) || sd_bus_message_is_method_error(m, BLUEZ ".Error.AlreadyExists")) return NULL;
  return sd_bus_message_get_error(m)->name;
}
static int take_registration(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  give_up(&b->registering);
  const char *name = problem(m);
  /* The handles are somebody else's. Whatever else went wrong, the table stays where phones remember it (docs/bluetooth.md, 1.1). */
  if (name && !strcmp(name, BLUEZ ".Error.Failed") && !b->is_anywhere) {
    b->is_anywhere = true;
    if (maud_bluez_register(b) >= 0) return 0;
  }
  tell(b, MAUD_BLUEZ_REGISTERED, name);
  return 0;
}
static int take_advertising(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  struct maud_bluez *b = owner;
  give_up(&b->advertising);
  tell(b, MAUD_BLUEZ_ADVERTISED, problem(m));
  return 0;
}
void maud_bluez_withdraw(maud_bluez *b) {
  sd_bus_message *m = NULL;
  int r = call_adapter(b, BLUEZ ".LEAdvertisingManager1", "UnregisterAdvertisement", &m);
  if (r >= 0) r = sd_bus_message_append(m, "o", ADVERTISEMENT);
  maud_bus_send_without_answer(b->bus, r, m);
}
int maud_bluez_register(maud_bluez *b) {
  give_up(&b->registering);
  sd_bus_message *m = NULL;
  int r = call_adapter(b, BLUEZ ".GattManager1", "RegisterApplication", &m);
  if (r >= 0) r = sd_bus_message_append(m, "oa{sv}", ROOT, 0);
  return maud_bus_send(b->bus, r, m, &b->registering, take_registration, b);
}
int maud_bluez_advertise(maud_bluez *b, const struct maud_bluez_advertisement *advertisement) {
  give_up(&b->advertising);
  b->advertisement = *advertisement;
  maud_bluez_withdraw(b);
  sd_bus_message *m = NULL;
  int r = call_adapter(b, BLUEZ ".LEAdvertisingManager1", "RegisterAdvertisement", &m);
  if (r >= 0) r = sd_bus_message_append(m, "oa{sv}", ADVERTISEMENT, 0);
  return maud_bus_send(b->bus, r, m, &b->advertising, take_advertising, b);
}
void maud_bluez_power_on(maud_bluez *b) {
  sd_bus_message *m = NULL;
  int r = call_adapter(b, PROPERTIES, "Set", &m);
  if (r >= 0) r = sd_bus_message_append(m, "ssv", ADAPTER, "Powered", "b", 1);
  maud_bus_send_without_answer(b->bus, r, m);
}
void maud_bluez_set_node(maud_bluez *b, const uint8_t *octets, size_t count) {
  b->node_count = count < NODE_OCTETS ? count : NODE_OCTETS;
  memcpy(b->node, octets, b->node_count);
}

/* ---- The bus ---- */
int maud_bluez_open(const char *adapter, maud_bluez_function function, void *owner, maud_bluez **bluez) {
  static const struct maud_bus_match matches[] = {
    { "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BLUEZ "'", name_owner_changed },
    { "type='signal',sender='" BLUEZ "',interface='" PROPERTIES "',member='PropertiesChanged',arg0='" ADAPTER "'", properties_changed },
    { "type='signal',sender='org.freedesktop.DBus.Local',interface='org.freedesktop.DBus.Local',member='Disconnected'", disconnected },
  };
  maud_bluez *b = calloc(1, sizeof *b);
  if (!b) return -ENOMEM;
  b->function = function;
  b->owner = owner;
  if (adapter) b->wanted = strdup(adapter);
  int r = maud_bus_open(matches, sizeof matches / sizeof *matches, b, &b->bus);
  if (r >= 0) r = sd_bus_add_fallback(b->bus, NULL, ROOT, maud_bluez_serve, b);
  sd_bus_message *m = NULL;
  if (r >= 0) r = sd_bus_message_new_method_call(b->bus, &m, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner");
  if (r >= 0) r = sd_bus_message_append(m, "s", BLUEZ);
  r = maud_bus_send(b->bus, r, m, &b->looking, take_owner, b);
  if (r < 0) { maud_bluez_close(b); return r; }
  *bluez = b;
  return 0;
}
void maud_bluez_close(maud_bluez *b) {
  give_up(&b->watch);
  give_up(&b->looking);
  give_up(&b->registering);
  give_up(&b->advertising);
  maud_bus_close(b->bus);
  forget(&b->daemon);
  forget(&b->wanted);
  forget(&b->adapter);
  free(b);
}
struct sd_bus *maud_bluez_bus(maud_bluez *b) { return b->bus; }
const char *maud_bluez_adapter(maud_bluez *b) { return b->adapter ? strrchr(b->adapter, '/') + 1 : NULL; }
bool maud_bluez_has_descriptors_of_clients(maud_bluez *b) { return b->has_manufacturer; }
