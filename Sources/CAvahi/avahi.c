#define _GNU_SOURCE 1
#include "CAvahi.h"
#include "bus.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Avahi's D-Bus interface (org.freedesktop.Avahi.*.xml of avahi-daemon) and the numbers of avahi-common/defs.h. sd-bus is in libsystemd,
 * which is loaded anyway; libavahi-client would bring libdbus along. */
#define AVAHI "org.freedesktop.Avahi"
static const char service_type[] = "_mau._tcp";
static const char claim_text[] = "claim=1";
enum { UNSPECIFIED = -1 };
enum { SERVER_RUNNING = 2 };
enum { GROUP_ESTABLISHED = 2, GROUP_COLLISION = 3, GROUP_FAILURE = 4 };

struct maud_avahi {
  sd_bus *bus;
  maud_avahi_function function;
  void *owner;
  char *group, *browser;     /* object paths */
  char *name;                /* what is being announced */
  uint16_t port;
  bool is_claimable, is_up;
};

static void tell(maud_avahi *a, enum maud_avahi_kind kind, const char *error) {
  struct maud_avahi_event event = { .kind = kind, .error = error };
  a->function(a->owner, &event);
}
static void forget(char **path) { free(*path); *path = NULL; }
static bool is_at(sd_bus_message *m, const char *path) { const char *p = sd_bus_message_get_path(m); return path && p && strcmp(p, path) == 0; }

static int call(maud_avahi *a, const char *path, const char *interface, const char *member, sd_bus_message **m) {
  return maud_bus_call(a->bus, AVAHI, path, interface, member, m);
}
static int send_call(maud_avahi *a, int r, sd_bus_message *m, sd_bus_message_handler_t answer) { return maud_bus_send(a->bus, r, m, NULL, answer, a); }
static void call_without_answer(maud_avahi *a, const char *path, const char *interface, const char *member) {
  sd_bus_message *m = NULL;
  int r = call(a, path, interface, member, &m);
  maud_bus_send_without_answer(a->bus, r, m);
}

/* ---- The daemon ---- */
static void set_up(maud_avahi *a, bool is_up) {
  if (is_up == a->is_up) return;
  a->is_up = is_up;
  if (!is_up) { forget(&a->group); forget(&a->browser); }
  tell(a, is_up ? MAUD_AVAHI_UP : MAUD_AVAHI_DOWN, NULL);
}
static int take_server_state(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  int32_t state = 0;
  maud_avahi *a = owner;
  /* No answer: there is no daemon, or it is not allowed to us. Its name on the bus tells when that changes. */
  if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "i", &state) < 0) { set_up(a, false); return 0; }
  if (state != SERVER_RUNNING && a->is_up) maud_avahi_withdraw(a);
  set_up(a, state == SERVER_RUNNING);
  return 0;
}
static void ask_for_state(maud_avahi *a) {
  sd_bus_message *m = NULL;
  send_call(a, call(a, "/", AVAHI ".Server", "GetState", &m), m, take_server_state);
}
static int name_owner_changed(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  const char *name, *before, *after;
  if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0) return 0;
  set_up(owner, false);
  if (after[0]) ask_for_state(owner);
  return 0;
}
static int disconnected(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)m; (void)error;
  tell(owner, MAUD_AVAHI_BROKEN, NULL);
  return 0;
}

/* ---- The own service ---- */
static void refused(maud_avahi *a, const char *error) {
  maud_avahi_withdraw(a);
  bool conflict = error && strcmp(error, AVAHI ".CollisionError") == 0;
  tell(a, conflict ? MAUD_AVAHI_CONFLICT : MAUD_AVAHI_REFUSED, error);
}
static int take_group_state(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  maud_avahi *a = owner;
  int32_t state;
  const char *reason;
  if (!is_at(m, a->group) || sd_bus_message_read(m, "is", &state, &reason) < 0) return 0;
  if (state == GROUP_ESTABLISHED) tell(a, MAUD_AVAHI_ANNOUNCED, NULL);
  if (state == GROUP_COLLISION) refused(a, AVAHI ".CollisionError");
  if (state == GROUP_FAILURE) refused(a, reason);
  return 0;
}
/* The answer to each step of an announcement: only errors matter, the state comes as a signal. */
static int take_step(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  maud_avahi *a = owner;
  if (a->group && sd_bus_message_is_method_error(m, NULL)) refused(a, sd_bus_message_get_error(m)->name);
  return 0;
}
static int append_service(sd_bus_message *m, const maud_avahi *a) {
  /* -1: all interfaces, both protocols; no flags, so the name is unique or not announced at all; domain and host are the daemon's. */
  int r = sd_bus_message_append(m, "iiussssq", UNSPECIFIED, UNSPECIFIED, 0u, a->name, service_type, "", "", (int)a->port);
  if (r >= 0) r = sd_bus_message_open_container(m, 'a', "ay");
  /* The Go implementation sees no service without a TXT record. */
  static const char text[] = "txtvers=1";
  if (r >= 0) r = sd_bus_message_append_array(m, 'y', text, sizeof text - 1);
  if (r >= 0 && a->is_claimable) r = sd_bus_message_append_array(m, 'y', claim_text, sizeof claim_text - 1);
  return r >= 0 ? sd_bus_message_close_container(m) : r;
}
static int take_group(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  maud_avahi *a = owner;
  const char *path;
  if (sd_bus_message_is_method_error(m, NULL)) { refused(a, sd_bus_message_get_error(m)->name); return 0; }
  if (sd_bus_message_read(m, "o", &path) < 0 || !a->is_up || !a->name) return 0;
  if (a->group) { call_without_answer(a, path, AVAHI ".EntryGroup", "Free"); return 0; }
  a->group = strdup(path);
  if (!a->group) return 0;
  sd_bus_message *add = NULL, *commit = NULL;
  int r = call(a, a->group, AVAHI ".EntryGroup", "AddService", &add);
  r = send_call(a, r >= 0 ? append_service(add, a) : r, add, take_step);
  if (r >= 0) r = send_call(a, call(a, a->group, AVAHI ".EntryGroup", "Commit", &commit), commit, take_step);
  if (r < 0) refused(a, NULL);
  return 0;
}
void maud_avahi_withdraw(maud_avahi *a) {
  if (a->group) call_without_answer(a, a->group, AVAHI ".EntryGroup", "Free");
  forget(&a->group);
  forget(&a->name);
}
int maud_avahi_announce(maud_avahi *a, const char *name, uint16_t port, bool is_claimable) {
  maud_avahi_withdraw(a);
  a->name = strdup(name);
  a->port = port;
  a->is_claimable = is_claimable;
  if (!a->name) return -ENOMEM;
  sd_bus_message *m = NULL;
  return send_call(a, call(a, "/", AVAHI ".Server", "EntryGroupNew", &m), m, take_group);
}

/* ---- Others' services ---- */
static int take_item(sd_bus_message *m, void *owner, enum maud_avahi_kind kind) {
  struct maud_avahi_event event = { .kind = kind };
  int32_t interface, protocol;
  if (sd_bus_message_read(m, "iis", &interface, &protocol, &event.name) < 0) return 0;
  event.interface = interface;
  event.protocol = protocol;
  maud_avahi *a = owner;
  /* The first items may come before the answer that says which browser they are from: there is only one. */
  if (!a->browser || is_at(m, a->browser)) a->function(a->owner, &event);
  return 0;
}
static int take_new_item(sd_bus_message *m, void *owner, sd_bus_error *error) { (void)error; return take_item(m, owner, MAUD_AVAHI_FOUND); }
static int take_removed_item(sd_bus_message *m, void *owner, sd_bus_error *error) { (void)error; return take_item(m, owner, MAUD_AVAHI_LOST); }
static int take_browser(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  maud_avahi *a = owner;
  const char *path;
  if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "o", &path) < 0) return 0;
  if (a->browser) call_without_answer(a, a->browser, AVAHI ".ServiceBrowser", "Free");
  forget(&a->browser);
  a->browser = strdup(path);
  return 0;
}
int maud_avahi_browse(maud_avahi *a) {
  if (a->browser) call_without_answer(a, a->browser, AVAHI ".ServiceBrowser", "Free");
  forget(&a->browser);
  sd_bus_message *m = NULL;
  int r = call(a, "/", AVAHI ".Server", "ServiceBrowserNew", &m);
  if (r >= 0) r = sd_bus_message_append(m, "iissu", UNSPECIFIED, UNSPECIFIED, service_type, "", 0u);
  return send_call(a, r, m, take_browser);
}
static int take_resolution(sd_bus_message *m, void *owner, sd_bus_error *error) {
  (void)error;
  maud_avahi *a = owner;
  int32_t interface, protocol, address_protocol;
  const char *type, *domain, *host;
  struct maud_avahi_event event = { .kind = MAUD_AVAHI_RESOLVED };
  if (sd_bus_message_is_method_error(m, NULL)) return 0; /* gone again, or it does not answer: it may come back */
  if (sd_bus_message_read(m, "iissssisq", &interface, &protocol, &event.name, &type, &domain, &host, &address_protocol, &event.address, &event.port) < 0) return 0;
  /* The texts: the daemon gives them as arrays of octets. */
  if (sd_bus_message_enter_container(m, 'a', "ay") > 0) {
    const void *text;
    size_t count;
    while (sd_bus_message_read_array(m, 'y', &text, &count) > 0)
      if (count == sizeof claim_text - 1 && memcmp(text, claim_text, count) == 0) event.is_claimable = true;
  }
  event.interface = interface;
  event.protocol = protocol;
  a->function(a->owner, &event);
  return 0;
}
int maud_avahi_resolve(maud_avahi *a, int interface, int protocol, const char *name) {
  sd_bus_message *m = NULL;
  int r = call(a, "/", AVAHI ".Server", "ResolveService", &m);
  if (r >= 0) r = sd_bus_message_append(m, "iisssiu", interface, protocol, name, service_type, "local", protocol, 0u);
  return send_call(a, r, m, take_resolution);
}

/* ---- The bus ---- */
int maud_avahi_open(maud_avahi_function function, void *owner, maud_avahi **avahi) {
  static const struct maud_bus_match matches[] = {
    { "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" AVAHI "'", name_owner_changed },
    { "type='signal',sender='" AVAHI "',interface='" AVAHI ".Server',member='StateChanged'", take_server_state },
    { "type='signal',sender='" AVAHI "',interface='" AVAHI ".EntryGroup',member='StateChanged'", take_group_state },
    { "type='signal',sender='" AVAHI "',interface='" AVAHI ".ServiceBrowser',member='ItemNew'", take_new_item },
    { "type='signal',sender='" AVAHI "',interface='" AVAHI ".ServiceBrowser',member='ItemRemove'", take_removed_item },
    { "type='signal',sender='org.freedesktop.DBus.Local',interface='org.freedesktop.DBus.Local',member='Disconnected'", disconnected },
  };
  maud_avahi *a = calloc(1, sizeof *a);
  if (!a) return -ENOMEM;
  a->function = function;
  a->owner = owner;
  int r = maud_bus_open(matches, sizeof matches / sizeof *matches, a, &a->bus);
  if (r < 0) { maud_avahi_close(a); return r; }
  ask_for_state(a);
  *avahi = a;
  return 0;
}
void maud_avahi_close(maud_avahi *a) {
  forget(&a->group);
  forget(&a->browser);
  forget(&a->name);
  maud_bus_close(a->bus);
  free(a);
}
struct sd_bus *maud_avahi_bus(maud_avahi *a) { return a->bus; }
