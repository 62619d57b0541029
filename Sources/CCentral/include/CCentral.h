/* BlueZ's daemon as a client sees it, over D-Bus (CBus), for `mau` on a PC: adapters, devices that are heard, their characteristics. Not in the firmware.
 *
 * Nothing blocks. Functions return >= 0 or -errno. What objects there are and how they are, the owner remembers: here they are only translated. */
#ifndef MAUD_CCENTRAL_H
#define MAUD_CCENTRAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sd_bus;

typedef struct maud_central maud_central;
enum maud_central_kind {
  MAUD_CENTRAL_READY,          /* all objects that there are have been told; error: there is no daemon, or it may not be asked */
  MAUD_CENTRAL_OBJECT,         /* an object is there, or changed: only what `has` says is known */
  MAUD_CENTRAL_GONE,           /* an object is there no more */
  MAUD_CENTRAL_ANSWER,         /* to the call with this tag; error: why not */
  MAUD_CENTRAL_DAEMON_CHANGED, /* the daemon ended or began: all objects are gone; ask again with maud_central_look */
  MAUD_CENTRAL_BROKEN,         /* the connection to the bus ended: close */
};
enum maud_central_object { MAUD_CENTRAL_ADAPTER, MAUD_CENTRAL_DEVICE, MAUD_CENTRAL_CHARACTERISTIC };
enum maud_central_property {
  MAUD_CENTRAL_ADDRESS = 1, MAUD_CENTRAL_POWERED = 2, MAUD_CENTRAL_BLOCKED = 4, MAUD_CENTRAL_RSSI = 8, MAUD_CENTRAL_CONNECTED = 16, MAUD_CENTRAL_RESOLVED = 32,
  MAUD_CENTRAL_UUID = 64, MAUD_CENTRAL_IDENTITY = 128, MAUD_CENTRAL_IN_USE = 256, MAUD_CENTRAL_VALUE = 512, MAUD_CENTRAL_MTU = 1024, MAUD_CENTRAL_RANDOM = 2048,
};
struct maud_central_event {
  enum maud_central_kind kind;
  uint64_t tag;
  const char *path;            /* this and all below: valid during the call */
  enum maud_central_object object;
  unsigned has;
  const char *address;         /* AA:BB:CC:DD:EE:FF */
  bool is_random;              /* the address is no public one */
  bool is_powered, is_blocked; /* of an adapter */
  bool is_connected, is_resolved, is_node; /* of a device; is_node: it says that it has our service */
  int rssi;                    /* dBm; 0: it is not heard now */
  uint8_t identity[8];         /* the end of its fingerprint, as it advertises it */
  const char *uuid;            /* of a characteristic */
  bool is_in_use;              /* somebody on this machine has its descriptor */
  uint16_t mtu;                /* of the attribute protocol; of a characteristic, or of an answer */
  const uint8_t *octets;       /* a value, or an answer to a reading */
  size_t count;
  int descriptor;              /* an answer to an acquisition: the owner's, not blocking; else -1 */
  const char *error, *message; /* a name of D-Bus and its text, or NULL */
};
typedef void (*maud_central_function)(void *owner, const struct maud_central_event *event);

/* Connects to the system's bus and asks for all objects: MAUD_CENTRAL_READY comes. */
int maud_central_open(maud_central_function function, void *owner, maud_central **central);
void maud_central_close(maud_central *central);
/* What CBus waits for and processes. */
struct sd_bus *maud_central_bus(maud_central *central);
int maud_central_look(maud_central *central);

/* Calls; each is answered by MAUD_CENTRAL_ANSWER with the tag. */
int maud_central_filter(maud_central *central, uint64_t tag, const char *adapter);      /* hear of nodes only, and only by Low Energy */
int maud_central_call_adapter(maud_central *central, uint64_t tag, const char *adapter, const char *member);
int maud_central_remove(maud_central *central, uint64_t tag, const char *adapter, const char *device);
int maud_central_call_device(maud_central *central, uint64_t tag, const char *device, const char *member);
int maud_central_start_notify(maud_central *central, uint64_t tag, const char *characteristic);
int maud_central_ask(maud_central *central, uint64_t tag, const char *characteristic, const char *member); /* ReadValue, AcquireWrite, AcquireNotify */
int maud_central_write(maud_central *central, uint64_t tag, const char *characteristic, const uint8_t *octets, size_t count); /* without response */
/* Has devices disconnected by the end of the process: sends what is to be sent, and waits for no answer. */
void maud_central_leave(maud_central *central, const char *device);
void maud_central_flush(maud_central *central);

/* Credit-based channels. Addresses as BlueZ writes them. */
int maud_channel_connect(const char *adapter, bool adapter_is_random, const char *device, bool device_is_random, uint16_t psm); /* a descriptor; it is connected when it can be written to */
int maud_channel_send_mtu(int descriptor); /* octets of one message at most, 1 or more; -errno: it is not connected */
#endif
