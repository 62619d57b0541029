#define _GNU_SOURCE 1
#include "internal.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Credit-based channels of Bluetooth LE (the kernel's net/bluetooth/l2cap.h and bluetooth.h, whose numbers are these). libbluetooth's header would bring the
 * same fifteen lines, and a package to build with. */
enum { L2CAP = 0, LE_PUBLIC = 1, LEVEL_BLUETOOTH = 274, SECURITY = 4, SECURITY_LOW = 1, SEND_MTU = 12, RECEIVE_MTU = 13 };
struct l2cap_address { sa_family_t family; uint8_t psm[2], address[6]; uint16_t channel; uint8_t address_type; };
struct security { uint8_t level, key_size; };

/* A socket of octets and not of packets: a read that takes a part of a message leaves the rest. */
int maud_listen_l2cap(int backlog, uint16_t receive_mtu) {
  FAULT("listen");
  int fd = socket(AF_BLUETOOTH, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, L2CAP);
  if (fd < 0) return -errno;
  /* Any adapter, public or random address, and a PSM that the kernel takes from those for everyone. */
  struct l2cap_address any = { .family = AF_BLUETOOTH, .address_type = LE_PUBLIC };
  struct security low = { .level = SECURITY_LOW };
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0 || setsockopt(fd, LEVEL_BLUETOOTH, SECURITY, &low, sizeof low) < 0 ||
      setsockopt(fd, LEVEL_BLUETOOTH, RECEIVE_MTU, &receive_mtu, sizeof receive_mtu) < 0 || listen(fd, backlog) < 0) {
    int e = errno;
    close(fd);
    return -e;
  }
  return fd;
}
int maud_l2cap_psm(int fd) {
  struct l2cap_address own = { 0 };
  socklen_t length = sizeof own;
  if (getsockname(fd, (struct sockaddr *)&own, &length) < 0) return -errno;
  return own.psm[0] | own.psm[1] << 8;
}
int maud_accept_l2cap(int listener, uint16_t *send_mtu, uint64_t *peer) {
  FAULT("accept4");
  struct l2cap_address other = { 0 };
  socklen_t length = sizeof other;
  int fd = accept4(listener, (struct sockaddr *)&other, &length, SOCK_NONBLOCK | SOCK_CLOEXEC), octets = 16384;
  if (fd < 0) return -errno;
  /* What is not sent when the channel is closed is lost: it must not be much. */
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
  *peer = other.address_type;
  for (int i = 0; i < 6; i++) *peer = *peer << 8 | other.address[i];
  length = sizeof *send_mtu;
  if (getsockopt(fd, LEVEL_BLUETOOTH, SEND_MTU, send_mtu, &length) == 0 && *send_mtu > 0) return fd;
  close(fd);
  return -ECONNABORTED;
}
