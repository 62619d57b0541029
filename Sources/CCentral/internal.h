#ifndef MAUD_CCENTRAL_INTERNAL_H
#define MAUD_CCENTRAL_INTERNAL_H
#include "CCentral.h"
#include "bus.h"

#define BLUEZ "org.bluez"
#define ADAPTER BLUEZ ".Adapter1"
#define DEVICE BLUEZ ".Device1"
#define CHARACTERISTIC BLUEZ ".GattCharacteristic1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECTS "org.freedesktop.DBus.ObjectManager"
#define SERVICE_UUID "76ae0728-376d-4c1e-9f25-6e6c6655c3bc"

struct maud_central {
  sd_bus *bus;
  maud_central_function function;
  void *owner;
  sd_bus_slot *looking;
};

/* Tells of all objects in an answer of GetManagedObjects, of one in InterfacesAdded, of what changed (objects.c). */
int maud_central_take_objects(sd_bus_message *m, void *central, sd_bus_error *error);
int maud_central_take_added(sd_bus_message *m, void *central, sd_bus_error *error);
int maud_central_take_removed(sd_bus_message *m, void *central, sd_bus_error *error);
int maud_central_take_changed(sd_bus_message *m, void *central, sd_bus_error *error);
#endif
