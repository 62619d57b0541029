#define _GNU_SOURCE 1
#include "internal.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <unistd.h>

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t length, int backlog) {
  int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, address, length) < 0 || listen(fd, backlog) < 0) { int e = errno; close(fd); return -e; }
  return fd;
}
int maud_is_address(const char *address) {
  struct in6_addr any;
  return inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1;
}
int maud_listen(const char *address, uint16_t port, int backlog) {
  FAULT("listen");
  struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
  int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
    int fd = socket(AF_INET, type, 0);
    return fd < 0 ? -errno : bind_and_listen(fd, (struct sockaddr *)&v4, sizeof v4, backlog);
  }
  if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1) return -EINVAL;
  int fd = socket(AF_INET6, type, 0);
  if (fd < 0 && errno == EAFNOSUPPORT && IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr)) {
    /* A kernel without IPv6: "any address" still means the IPv4 ones. */
    fd = socket(AF_INET, type, 0);
    return fd < 0 ? -errno : bind_and_listen(fd, (struct sockaddr *)&v4, sizeof v4, backlog);
  }
  if (fd < 0) return -errno;
  int zero = 0;
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  return bind_and_listen(fd, (struct sockaddr *)&v6, sizeof v6, backlog);
}
int maud_local_port(int fd) {
  struct sockaddr_in6 a;
  socklen_t length = sizeof a;
  if (getsockname(fd, (struct sockaddr *)&a, &length) < 0) return -errno;
  return ntohs(a.sin6_port); /* the port lies at the same place in sockaddr_in */
}
int maud_accept(int fd, struct maud_address *peer) {
  FAULT("accept4");
  struct sockaddr_storage a;
  socklen_t length = sizeof a;
  int c = accept4(fd, (struct sockaddr *)&a, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (c < 0) return -errno;
  memset(peer, 0, sizeof *peer);
  if (a.ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;
    memcpy(peer->octets, &v4->sin_addr, 4);
    peer->port = ntohs(v4->sin_port);
  } else if (a.ss_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;
    peer->port = ntohs(v6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) memcpy(peer->octets, v6->sin6_addr.s6_addr + 12, 4);
    else { memcpy(peer->octets, &v6->sin6_addr, 16); peer->is_ipv6 = 1; }
  }
  if (a.ss_family != AF_UNIX) { int one = 1; setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); }
  return c;
}
int maud_connect(const char *address, uint16_t port) {
  FAULT("connect");
  struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
  char text[INET6_ADDRSTRLEN + 1];
  size_t length = strcspn(address, "%");
  if (length >= sizeof text) return -EINVAL;
  memcpy(text, address, length);
  text[length] = 0;
  int is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) return -EINVAL;
  if (address[length] == '%') v6.sin6_scope_id = (uint32_t)strtoul(address + length + 1, NULL, 10);
  int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) return -errno;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int result = is_v4 ? connect(fd, (struct sockaddr *)&v4, sizeof v4) : connect(fd, (struct sockaddr *)&v6, sizeof v6);
  if (result < 0 && errno != EINPROGRESS) { int e = errno; close(fd); return -e; }
  return fd;
}
intptr_t maud_receive(int fd, void *buffer, size_t count) { FAULT("recv"); return RESULT(recv(fd, buffer, count, MSG_DONTWAIT)); }
intptr_t maud_send(int fd, const void *buffer, size_t count, bool more) {
  FAULT("send");
  return RESULT(send(fd, buffer, count, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
}
intptr_t maud_sendfile(int socket, int fd, int64_t offset, size_t count) {
  FAULT("sendfile");
  off_t o = offset;
  return RESULT(sendfile(socket, fd, &o, count));
}
/* A path through /proc/self/fd has no trouble with the 108 octets of sun_path. */
static int unix_address(int directory, const char *name, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  int n = directory == MAUD_AT_CWD ? snprintf(address->sun_path, sizeof address->sun_path, "%s", name)
    : snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory, name);
  return n < 0 || (size_t)n >= sizeof address->sun_path ? -ENAMETOOLONG : 0;
}
int maud_listen_unix(int directory, const char *name, int backlog) {
  FAULT("listen");
  struct sockaddr_un a;
  int r = unix_address(directory, name, &a);
  if (r < 0) return r;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  unlinkat(directory, name, 0);
  mode_t old = umask(0177);
  fd = bind_and_listen(fd, (struct sockaddr *)&a, sizeof a, backlog);
  umask(old);
  return fd;
}
int maud_connect_unix_blocking(int directory, const char *name) {
  FAULT("connect");
  struct sockaddr_un a;
  int r = unix_address(directory, name, &a);
  if (r < 0) return r;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) { int e = errno; close(fd); return -e; }
  return fd;
}
void maud_stop_listening(int fd) { shutdown(fd, SHUT_RD); }
int maud_shutdown_write(int fd) { return RESULT(shutdown(fd, SHUT_WR)); }
