#define _GNU_SOURCE 1
#include "internal.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The service asks for the same handles each time: phones keep them, and bluetoothd would give others after each restart of the node. Far behind those that
 * bluetoothd gives out on its own. */
enum { HANDLE = 0x7600 };

/* What bluetoothd finds on the bus: the service with its characteristics, and the advertisement (BlueZ's org.bluez.GattService(5),
 * org.bluez.GattCharacteristic(5) and org.bluez.LEAdvertisement(5)). The table's order is that of the answer: it never changes. */
#define CHARACTERISTIC BLUEZ ".GattCharacteristic1"
#define UUID(last) "76ae07" last "-376d-4c1e-9f25-6e6c6655c3bc"
#define IN SERVICE "/in"
#define OUT SERVICE "/out"
#define NODE SERVICE "/node"

static int append_table(sd_bus_message *m, const struct maud_bluez *b) {
  return sd_bus_message_append(m, "a{oa{sa{sv}}}", 4,
    SERVICE, 1, BLUEZ ".GattService1", 3, "UUID", "s", UUID("28"), "Primary", "b", 1, "Handle", "q", b->is_anywhere ? 0 : HANDLE,
    NODE, 1, CHARACTERISTIC, 3, "UUID", "s", UUID("29"), "Service", "o", SERVICE, "Flags", "as", 1, "read",
    IN, 1, CHARACTERISTIC, 4, "UUID", "s", UUID("2a"), "Service", "o", SERVICE, "Flags", "as", 2, "write-without-response", "write", "WriteAcquired", "b", 0,
    OUT, 1, CHARACTERISTIC, 4, "UUID", "s", UUID("2b"), "Service", "o", SERVICE, "Flags", "as", 1, "notify", "NotifyAcquired", "b", 0);
}

/* A legacy advertisement has 31 octets: flags and a UUID of 128 bits take 21. So the service data goes into the scan response, where it and a name of three
 * letters take 31. BlueZ before 5.80 puts nothing but a name there, so the name says what the service data would. ("ServiceData" would make BlueZ 5.82 use an
 * extended advertisement, which most phones do not look for, and BlueZ 5.66 refuse.) */
static int append_scan_response(sd_bus_message *m, const struct maud_bluez *b) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *i = b->advertisement.identity;
  if (b->has_connectable) {
    int r = sd_bus_message_append(m, "{sv}", "ScanResponseServiceData", "a{sv}", 1, UUID("28"), "ay", 8, i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7]);
    return r < 0 ? r : sd_bus_message_append(m, "{sv}", "LocalName", "s", "mau");
  }
  char name[] = "mau-0123456789abcdef";
  for (int n = 0; n < 16; n++) name[4 + n] = digits[i[n / 2] >> (n % 2 ? 0 : 4) & 15];
  return sd_bus_message_append(m, "{sv}", "LocalName", "s", name);
}
static int append_advertisement(sd_bus_message *m, const struct maud_bluez *b) {
  const struct maud_bluez_advertisement *a = &b->advertisement;
  int r = sd_bus_message_open_container(m, 'a', "{sv}");
  if (r >= 0) r = sd_bus_message_append(m, "{sv}", "Type", "s", "peripheral");
  if (r >= 0) r = sd_bus_message_append(m, "{sv}", "ServiceUUIDs", "as", 1, UUID("28"));
  if (r >= 0) r = sd_bus_message_append(m, "{sv}", "Discoverable", "b", 1);
  if (r >= 0) r = append_scan_response(m, b);
  if (r >= 0 && a->interval) r = sd_bus_message_append(m, "{sv}", "MinInterval", "u", a->interval);
  if (r >= 0 && a->interval) r = sd_bus_message_append(m, "{sv}", "MaxInterval", "u", a->interval);
  if (r >= 0 && a->power != 127) r = sd_bus_message_append(m, "{sv}", "TxPower", "n", (int)a->power);
  return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---- Values ---- */
struct options { const char *device; uint16_t offset, mtu; };
static int take_option(sd_bus_message *m, const char *key, void *owner) {
  struct options *o = owner;
  if (strcmp(key, "device") == 0) return sd_bus_message_read(m, "v", "o", &o->device);
  if (strcmp(key, "offset") == 0) return sd_bus_message_read(m, "v", "q", &o->offset);
  if (strcmp(key, "mtu") == 0) return sd_bus_message_read(m, "v", "q", &o->mtu);
  return 0;
}
static int read_node(struct maud_bluez *b, sd_bus_message *m) {
  struct options o = { 0 };
  int r = maud_bus_read_dictionary(m, take_option, &o);
  if (r < 0) return r;
  if (o.offset > b->node_count) return sd_bus_reply_method_errorf(m, BLUEZ ".Error.InvalidOffset", "%s", "");
  sd_bus_message *answer = NULL;
  r = sd_bus_message_new_method_return(m, &answer);
  if (r >= 0) r = sd_bus_message_append_array(answer, 'y', b->node + o.offset, b->node_count - o.offset);
  if (r >= 0) r = sd_bus_send(b->bus, answer, NULL);
  sd_bus_message_unref(answer);
  return r < 0 ? r : 1;
}
static int write_in(struct maud_bluez *b, sd_bus_message *m) {
  struct options o = { .mtu = 23 };
  struct maud_bluez_event event = { .kind = MAUD_BLUEZ_VALUE, .state = b->state };
  const void *octets;
  int r = sd_bus_message_read_array(m, 'y', &octets, &event.count);
  if (r >= 0) r = maud_bus_read_dictionary(m, take_option, &o);
  if (r < 0) return r;
  event.octets = octets;
  event.device = o.device ? o.device : "";
  event.mtu = o.mtu;
  if (!b->function(b->owner, &event)) return sd_bus_reply_method_errorf(m, BLUEZ ".Error.Failed", "%s", "0x80");
  return sd_bus_reply_method_return(m, NULL);
}
/* Two errors of many: this one does not make BlueZ 5.66 wait for a descriptor for ever (AcquireWrite), that one does not make any call StartNotify. */
static int refuse(sd_bus_message *m, enum maud_bluez_kind kind) {
  return sd_bus_reply_method_errorf(m, kind == MAUD_BLUEZ_ACQUIRE_WRITE ? "org.freedesktop.DBus.Error.LimitsExceeded" : BLUEZ ".Error.Failed", "%s", "");
}
static int acquire(struct maud_bluez *b, sd_bus_message *m, enum maud_bluez_kind kind) {
  struct options o = { .mtu = 23 };
  int r = maud_bus_read_dictionary(m, take_option, &o), ends[2];
  if (r < 0) return r;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) return refuse(m, kind);
  struct maud_bluez_event event = { .kind = kind, .state = b->state, .device = o.device ? o.device : "", .mtu = o.mtu, .descriptor = ends[0] };
  if (b->function(b->owner, &event)) r = sd_bus_reply_method_return(m, "hq", ends[1], o.mtu);
  else { close(ends[0]); r = refuse(m, kind); }
  close(ends[1]);
  return r;
}

/* ---- Calls ---- */
static int answer_with(struct maud_bluez *b, sd_bus_message *m, bool is_table) {
  sd_bus_message *answer = NULL;
  int r = sd_bus_message_new_method_return(m, &answer);
  if (r >= 0) r = is_table ? append_table(answer, b) : append_advertisement(answer, b);
  if (r >= 0) r = sd_bus_send(b->bus, answer, NULL);
  sd_bus_message_unref(answer);
  return r < 0 ? r : 1;
}
static int is_released(struct maud_bluez *b, sd_bus_message *m) {
  struct maud_bluez_event event = { .kind = MAUD_BLUEZ_ADVERTISED, .state = b->state, .error = BLUEZ ".Released" };
  if (!b->advertising) b->function(b->owner, &event);
  return sd_bus_reply_method_return(m, NULL);
}
int maud_bluez_serve(sd_bus_message *m, void *owner, sd_bus_error *error) {
  struct maud_bluez *b = owner;
  const char *path = sd_bus_message_get_path(m), *sender = sd_bus_message_get_sender(m);
  /* What is unknown is answered by sd-bus. */
  if (!path) return 0;
  if (!sender || !b->daemon || strcmp(sender, b->daemon) != 0) return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "");
  if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") && strcmp(path, ROOT) == 0) return answer_with(b, m, true);
  if (strcmp(path, ADVERTISEMENT) == 0) {
    if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll")) return answer_with(b, m, false);
    if (sd_bus_message_is_method_call(m, BLUEZ ".LEAdvertisement1", "Release")) return is_released(b, m);
  }
  if (strcmp(path, NODE) == 0 && sd_bus_message_is_method_call(m, CHARACTERISTIC, "ReadValue")) return read_node(b, m);
  if (strcmp(path, IN) == 0 && sd_bus_message_is_method_call(m, CHARACTERISTIC, "WriteValue")) return write_in(b, m);
  if (strcmp(path, IN) == 0 && sd_bus_message_is_method_call(m, CHARACTERISTIC, "AcquireWrite")) return acquire(b, m, MAUD_BLUEZ_ACQUIRE_WRITE);
  if (strcmp(path, OUT) == 0 && sd_bus_message_is_method_call(m, CHARACTERISTIC, "AcquireNotify")) return acquire(b, m, MAUD_BLUEZ_ACQUIRE_NOTIFY);
  return 0;
}
