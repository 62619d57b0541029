#define _GNU_SOURCE 1
#include "CCentral.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Credit-based channels of Bluetooth LE as a client (the kernel's net/bluetooth/l2cap.h and bluetooth.h, whose numbers are these; as Sources/CLinux/l2cap.c). */
enum { L2CAP = 0, LE_PUBLIC = 1, LE_RANDOM = 2, LEVEL_BLUETOOTH = 274, SECURITY = 4, SECURITY_LOW = 1, SEND_MTU = 12, RECEIVE_MTU = 13, OUR_MTU = 2048 };
struct l2cap_address { sa_family_t family; uint8_t psm[2], address[6]; uint16_t channel; uint8_t address_type; };
struct security { uint8_t level, key_size; };

/* BlueZ writes the most significant octet first, the kernel has it last. */
static int parse(const char *text, bool is_random, uint16_t psm, struct l2cap_address *a) {
  *a = (struct l2cap_address){ .family = AF_BLUETOOTH, .psm = { psm & 255, psm >> 8 }, .address_type = is_random ? LE_RANDOM : LE_PUBLIC };
  uint8_t *o = a->address;
  return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", o + 5, o + 4, o + 3, o + 2, o + 1, o) == 6 ? 0 : -EINVAL;
}
int maud_channel_connect(const char *adapter, bool adapter_is_random, const char *device, bool device_is_random, uint16_t psm) {
  struct l2cap_address from, to;
  struct security low = { .level = SECURITY_LOW };
  uint16_t receive_mtu = OUR_MTU;
  if (parse(adapter, adapter_is_random, 0, &from) < 0 || parse(device, device_is_random, psm, &to) < 0) return -EINVAL;
  int fd = socket(AF_BLUETOOTH, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, L2CAP);
  if (fd < 0) return -errno;
  /* Bound to the adapter that has the connection: the kernel would take the first one. */
  if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0 || setsockopt(fd, LEVEL_BLUETOOTH, SECURITY, &low, sizeof low) < 0 ||
      setsockopt(fd, LEVEL_BLUETOOTH, RECEIVE_MTU, &receive_mtu, sizeof receive_mtu) < 0 || (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
    int e = errno;
    close(fd);
    return -e;
  }
  return fd;
}
int maud_channel_send_mtu(int fd) {
  int failure = 0;
  uint16_t mtu = 0;
  socklen_t length = sizeof failure;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0) return -errno;
  if (failure) return -failure;
  length = sizeof mtu;
  if (getsockopt(fd, LEVEL_BLUETOOTH, SEND_MTU, &mtu, &length) < 0) return -errno;
  return mtu > 0 ? mtu : -ENOTCONN;
}
