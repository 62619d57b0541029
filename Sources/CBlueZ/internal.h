#ifndef MAUD_CBLUEZ_INTERNAL_H
#define MAUD_CBLUEZ_INTERNAL_H
#include "CBlueZ.h"
#include "bus.h"

#define BLUEZ "org.bluez"
#define ROOT "/maud"
#define ADVERTISEMENT ROOT "/advertisement"
#define SERVICE ROOT "/service"

enum { NODE_OCTETS = 64 };

struct maud_bluez {
  sd_bus *bus;
  maud_bluez_function function;
  void *owner;
  char *daemon;               /* the unique name of who owns org.bluez */
  char *wanted;               /* the adapter's name, or NULL for any */
  char *adapter;              /* its object path */
  enum maud_bluez_state state;
  sd_bus_slot *watch;         /* the adapters' coming and going */
  char watched[256];          /* what that is, as D-Bus puts it */
  sd_bus_slot *looking, *registering, *advertising; /* calls under way */
  bool looks_again;
  /* Of the adapter: */
  bool is_powered, is_blocked, tells_blocking;
  bool has_manufacturer;      /* a property since BlueZ 5.71 */
  bool has_connectable;       /* since 5.79 */
  bool is_anywhere;           /* the service has no handle of its own: the one it wants was taken */
  struct maud_bluez_advertisement advertisement;
  size_t node_count;
  uint8_t node[NODE_OCTETS];
};

/* A call of the daemon to one of our objects (objects.c). */
int maud_bluez_serve(sd_bus_message *m, void *owner, sd_bus_error *error);
#endif
