/* BlueZ's daemon over D-Bus (CBus), as far as a Mau node needs it: one adapter, one GATT service, one advertisement (docs/bluetooth.md).
 *
 * Nothing blocks. Functions return >= 0 or -errno. Only the daemon that owns the name org.bluez is answered. */
#ifndef MAUD_CBLUEZ_H
#define MAUD_CBLUEZ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sd_bus;

typedef struct maud_bluez maud_bluez;
enum maud_bluez_state {
  MAUD_BLUEZ_ABSENT,          /* no bluetoothd */
  MAUD_BLUEZ_NO_ADAPTER,
  MAUD_BLUEZ_OFF,
  MAUD_BLUEZ_BLOCKED,         /* off, and rfkill keeps it off */
  MAUD_BLUEZ_ON,
};
enum maud_bluez_kind {
  MAUD_BLUEZ_STATE,           /* it changed, or the adapter has more interfaces than before. When it is not ON, or was not, nothing is registered or advertised */
  MAUD_BLUEZ_REGISTERED,      /* the service is there; error: it is not */
  MAUD_BLUEZ_ADVERTISED,      /* the advertisement is; error: it is not, or not any more */
  MAUD_BLUEZ_ACQUIRE_NOTIFY,  /* a client subscribed: device, mtu, descriptor. Returning true takes the descriptor, false refuses the client */
  MAUD_BLUEZ_ACQUIRE_WRITE,   /* a client writes for the first time: the same */
  MAUD_BLUEZ_VALUE,           /* one write that came as a message: device, mtu, octets, count */
  MAUD_BLUEZ_BROKEN,          /* the connection to the bus ended: close */
};
struct maud_bluez_event {
  enum maud_bluez_kind kind;
  enum maud_bluez_state state;
  const char *device;         /* the client's object path, valid during the call */
  int descriptor;             /* SOCK_SEQPACKET, one value in each packet; not blocking */
  uint16_t mtu;               /* of the attribute protocol */
  const uint8_t *octets;
  size_t count;
  const char *error;          /* a name of D-Bus, or NULL */
};
typedef bool (*maud_bluez_function)(void *owner, const struct maud_bluez_event *event);

/* Connects to the system's bus and looks for the daemon. `adapter`: its name (hci0), or NULL for that of the lowest number. */
int maud_bluez_open(const char *adapter, maud_bluez_function function, void *owner, maud_bluez **bluez);
void maud_bluez_close(maud_bluez *bluez);
/* What CBus waits for and processes. */
struct sd_bus *maud_bluez_bus(maud_bluez *bluez);
/* The adapter's name, or NULL. */
const char *maud_bluez_adapter(maud_bluez *bluez);
/* This daemon surely has a pair of descriptors for each client (BlueZ 5.69; known of 5.71 and later). */
bool maud_bluez_has_descriptors_of_clients(maud_bluez *bluez);

/* The value of Node, at most 64 octets. */
void maud_bluez_set_node(maud_bluez *bluez, const uint8_t *octets, size_t count);
/* Asks for the adapter to be switched on. */
void maud_bluez_power_on(maud_bluez *bluez);
int maud_bluez_register(maud_bluez *bluez);

struct maud_bluez_advertisement {
  uint8_t identity[8];        /* the service data */
  uint32_t interval;          /* milliseconds; 0: BlueZ's own */
  int16_t power;              /* dBm; 127: BlueZ's own */
};
/* Advertises, again if it did before. */
int maud_bluez_advertise(maud_bluez *bluez, const struct maud_bluez_advertisement *advertisement);
/* Advertises no more. */
void maud_bluez_withdraw(maud_bluez *bluez);
#endif
