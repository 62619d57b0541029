/* The Avahi daemon over D-Bus (CBus), as far as a Mau node needs it: one service of its own, one kind of service to look for.
 *
 * Nothing blocks. Functions return >= 0 or -errno. */
#ifndef MAUD_CAVAHI_H
#define MAUD_CAVAHI_H
#include <stdbool.h>
#include <stdint.h>

struct sd_bus;

typedef struct maud_avahi maud_avahi;
enum maud_avahi_kind {
  MAUD_AVAHI_UP,           /* the daemon is there and ready */
  MAUD_AVAHI_DOWN,         /* it is not, or is finding itself another host name: what it was told is forgotten */
  MAUD_AVAHI_ANNOUNCED,    /* the service stands */
  MAUD_AVAHI_CONFLICT,     /* someone else has a service of that name; ours is withdrawn */
  MAUD_AVAHI_REFUSED,      /* the daemon does not take the service; error */
  MAUD_AVAHI_FOUND,        /* name, interface, protocol: someone has announced a service */
  MAUD_AVAHI_LOST,         /* the same: not any more */
  MAUD_AVAHI_RESOLVED,     /* name, interface, protocol, address, port, is_claimable */
  MAUD_AVAHI_BROKEN,       /* the connection to the bus ended: close */
};
struct maud_avahi_event {
  enum maud_avahi_kind kind;
  int interface, protocol;
  const char *name;        /* any octets, valid during the call */
  const char *address;     /* numeric */
  uint16_t port;
  bool is_claimable;       /* "claim=1" is in its text */
  const char *error;       /* a name of D-Bus, or NULL */
};
typedef void (*maud_avahi_function)(void *owner, const struct maud_avahi_event *event);

/* Connects to the system's bus and asks for the daemon. */
int maud_avahi_open(maud_avahi_function function, void *owner, maud_avahi **avahi);
void maud_avahi_close(maud_avahi *avahi);
/* What CBus waits for and processes. */
struct sd_bus *maud_avahi_bus(maud_avahi *avahi);

/* Announces `<name>._mau._tcp` on all interfaces, with a TXT record, in which "claim=1" says that the node waits for an owner; a service announced
 * before is withdrawn. Never under another name. */
int maud_avahi_announce(maud_avahi *avahi, const char *name, uint16_t port, bool is_claimable);
void maud_avahi_withdraw(maud_avahi *avahi);
/* Looks for `_mau._tcp`, from the beginning. */
int maud_avahi_browse(maud_avahi *avahi);
/* Asks for the address of a service that was found. */
int maud_avahi_resolve(maud_avahi *avahi, int interface, int protocol, const char *name);
#endif
