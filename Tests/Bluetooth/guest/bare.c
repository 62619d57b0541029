// What BlueZ reaches with nothing on top: a GATT application whose Out sends as many octets as were written to its In, in a loop, and an L2CAP
// listener that does the same. The yardstick for the throughput of the node (test_throughput.py). It has nothing of the node's code.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SERVICE "0ba7e000-376d-4c1e-9f25-6e6c6655c3bc"
#define WRITTEN "0ba7e001-376d-4c1e-9f25-6e6c6655c3bc"
#define NOTIFIED "0ba7e002-376d-4c1e-9f25-6e6c6655c3bc"
#define PSM 0xf3

static int out = -1;
static uint16_t out_mtu;

static void must(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "bare: %s: %s\n", what, strerror(-result));
  exit(1);
}

static void send_all(int fd, size_t count, size_t block) {
  static const char octets[2048];
  while (count > 0) {
    ssize_t sent = send(fd, octets, count < block ? count : block, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    count -= (size_t)sent;
  }
}

static uint32_t number(const uint8_t *octets) {
  return octets[0] | (uint32_t)octets[1] << 8 | (uint32_t)octets[2] << 16 | (uint32_t)octets[3] << 24;
}

// GATT

static int text_property(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *text, sd_bus_error *error) {
  (void)bus, (void)path, (void)interface, (void)error;
  return sd_bus_message_append_basic(reply, strcmp(property, "Service") == 0 ? 'o' : 's', text);
}

static int service_property(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *data, sd_bus_error *error) {
  (void)data;
  return text_property(bus, path, interface, property, reply, "/bare/service", error);
}

static int truth_property(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *data, sd_bus_error *error) {
  (void)bus, (void)path, (void)interface, (void)data, (void)error;
  return sd_bus_message_append(reply, "b", strcmp(property, "Primary") == 0 || out >= 0);
}

static int flags_property(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *data, sd_bus_error *error) {
  (void)bus, (void)interface, (void)property, (void)data, (void)error;
  return sd_bus_message_append(reply, "as", 1, strcmp(path, "/bare/service/out") == 0 ? "notify" : "write-without-response");
}

static int acquire_notify(sd_bus_message *message, void *data, sd_bus_error *error) {
  (void)data, (void)error;
  int r = sd_bus_message_enter_container(message, 'a', "{sv}"), pair[2];
  while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
    const char *name;
    if ((r = sd_bus_message_read(message, "s", &name)) < 0) return r;
    r = strcmp(name, "mtu") == 0 ? sd_bus_message_read(message, "v", "q", &out_mtu) : sd_bus_message_skip(message, "v");
    if (r < 0 || (r = sd_bus_message_exit_container(message)) < 0) return r;
  }
  if (r < 0) return r;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) return -errno;
  if (out >= 0) close(out);
  out = pair[0];
  r = sd_bus_reply_method_return(message, "hq", pair[1], out_mtu);
  close(pair[1]);
  return r;
}

static int write_value(sd_bus_message *message, void *data, sd_bus_error *error) {
  (void)data, (void)error;
  const void *octets;
  size_t length;
  int r = sd_bus_message_read_array(message, 'y', &octets, &length);
  if (r < 0) return r;
  if (length >= 4 && out >= 0) send_all(out, number(octets), out_mtu >= 498 ? 495 : out_mtu >= 247 ? 244 : (size_t)out_mtu - 3);
  return sd_bus_reply_method_return(message, "");
}

static const sd_bus_vtable service_table[] = {
  SD_BUS_VTABLE_START(0),
  SD_BUS_PROPERTY("UUID", "s", text_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_PROPERTY("Primary", "b", truth_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_VTABLE_END};
static const sd_bus_vtable out_table[] = {
  SD_BUS_VTABLE_START(0),
  SD_BUS_PROPERTY("UUID", "s", text_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_PROPERTY("Service", "o", service_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_PROPERTY("Flags", "as", flags_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_PROPERTY("NotifyAcquired", "b", truth_property, 0, 0),
  SD_BUS_METHOD("AcquireNotify", "a{sv}", "hq", acquire_notify, SD_BUS_VTABLE_UNPRIVILEGED),
  SD_BUS_VTABLE_END};
static const sd_bus_vtable in_table[] = {
  SD_BUS_VTABLE_START(0),
  SD_BUS_PROPERTY("UUID", "s", text_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_PROPERTY("Service", "o", service_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_PROPERTY("Flags", "as", flags_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
  SD_BUS_METHOD("WriteValue", "aya{sv}", "", write_value, SD_BUS_VTABLE_UNPRIVILEGED),
  SD_BUS_VTABLE_END};

static int registered(sd_bus_message *reply, void *data, sd_bus_error *error) {
  (void)data, (void)error;
  if (sd_bus_message_is_method_error(reply, NULL)) must(-sd_bus_message_get_errno(reply), "RegisterApplication");
  puts("ready");
  fflush(stdout);
  return 0;
}

static void serve_notifications(void) {
  sd_bus *bus;
  must(sd_bus_open_system(&bus), "the system bus");
  must(sd_bus_add_object_manager(bus, NULL, "/bare"), "object manager");
  must(sd_bus_add_object_vtable(bus, NULL, "/bare/service", "org.bluez.GattService1", service_table, SERVICE), "service");
  must(sd_bus_add_object_vtable(bus, NULL, "/bare/service/out", "org.bluez.GattCharacteristic1", out_table, NOTIFIED), "out");
  must(sd_bus_add_object_vtable(bus, NULL, "/bare/service/in", "org.bluez.GattCharacteristic1", in_table, WRITTEN), "in");
  must(sd_bus_call_method_async(bus, NULL, "org.bluez", "/org/bluez/hci0", "org.bluez.GattManager1", "RegisterApplication", registered, NULL,
                                "oa{sv}", "/bare", 0), "RegisterApplication");
  for (;;) {
    int r = sd_bus_process(bus, NULL);
    must(r, "sd_bus_process");
    if (r == 0) must(sd_bus_wait(bus, UINT64_MAX), "sd_bus_wait");
  }
}

// L2CAP

struct address {
  sa_family_t family;
  uint16_t psm;
  uint8_t device[6];
  uint16_t channel;
  uint8_t type;
};

static void serve_channels(void) {
  struct address any = {.family = 31 /* AF_BLUETOOTH */, .psm = PSM, .type = 1 /* LE public */};
  uint16_t mtu = 2048;
  int listener = socket(31, SOCK_SEQPACKET, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&any, sizeof any) < 0) must(-errno, "the L2CAP socket");
  setsockopt(listener, 274 /* SOL_BLUETOOTH */, 13 /* BT_RCVMTU */, &mtu, sizeof mtu);
  if (listen(listener, 1) < 0) must(-errno, "listen");
  for (;;) {
    int channel = accept(listener, NULL, NULL);
    uint8_t octets[2048];
    ssize_t length;
    socklen_t size = sizeof mtu;
    if (channel < 0) continue;
    if (getsockopt(channel, 274, 12 /* BT_SNDMTU */, &mtu, &size) < 0) mtu = 247;
    while ((length = recv(channel, octets, sizeof octets, 0)) >= 4) send_all(channel, number(octets), mtu < 2048 ? mtu : 2048);
    close(channel);
  }
}

int main(void) {
  pid_t child = fork();
  if (child < 0) must(-errno, "fork");
  if (child == 0) serve_channels();
  serve_notifications();
}
