"""A bluetoothd that is none: what a node sees of BlueZ on the bus, written from BlueZ's D-Bus pages and the behaviour of its gatt-database.c, with centrals that
a test moves by hand. `Daemon(..., version="5.66")` has one descriptor for each characteristic, as that one has; 5.82 has a pair for each client."""
import asyncio
import os
import select
import socket
import threading

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.constants import ErrorType, NameFlag

SERVICE = "76ae0728-376d-4c1e-9f25-6e6c6655c3bc"
NODE, IN, OUT = (f"76ae07{last}-376d-4c1e-9f25-6e6c6655c3bc" for last in ("29", "2a", "2b"))
GATT_SERVICE, CHARACTERISTIC, PROPERTIES = "org.bluez.GattService1", "org.bluez.GattCharacteristic1", "org.freedesktop.DBus.Properties"


class Refused(Exception):
    """The node answered with an error, whose name this is."""


class Daemon:
    """The daemon, on a bus of the test's own. Every method may be called from the test's thread."""

    def __init__(self, address, version="5.82", adapters=("hci0",), powered=True, blocked=False, refuses=()):
        self.address, self.is_modern = address, tuple(map(int, version.split("."))) >= (5, 80)
        self.adapters = {f"/org/bluez/{name}": {"Powered": powered, "blocked": blocked} for name in adapters}
        self.refuses = set(refuses)      # properties of the advertisement that the controller cannot
        self.managers = True             # whether the adapter's other interfaces are there
        self.application = None          # (the node's name, {path: {interface: {property: value}}})
        self.advertisement = None        # the properties
        self.registrations = []          # what was asked for, in order
        self.errors = []                 # what the next applications are refused with
        self.handles = []                # of the service, as each application wanted it; 0: any
        self.switched_on = 0             # times that somebody wanted an adapter on
        self.asked = []                  # adapters whose properties were asked for, and the one that advertises
        self.advertises = None
        self.ios = {}                    # (characteristic, device or None) -> socket
        self.subscribers = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.begin()

    # The daemon's life

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def begin(self):
        async def connect():
            self.bus = await MessageBus(self.address, negotiate_unix_fd=True).connect()
            self.bus.add_message_handler(self.handle)
            await self.bus.request_name("org.bluez", NameFlag.DO_NOT_QUEUE)
        self.run(connect())

    def end(self):
        """As if it had crashed."""
        async def disconnect():
            self.bus.disconnect()
            self.application = self.advertisement = None
        self.run(disconnect())
        for io in self.ios.values():
            io.close()
        self.ios, self.subscribers = {}, []

    def close(self):
        self.end()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    # Adapters

    def properties(self, adapter):
        own = self.adapters[adapter]
        values = {"Powered": Variant("b", own["Powered"]), "Address": Variant("s", "00:00:5E:00:53:01")}
        if self.is_modern:
            state = "on" if own["Powered"] else "off-blocked" if own["blocked"] else "off"
            values |= {"PowerState": Variant("s", state), "Manufacturer": Variant("q", 1), "Connectable": Variant("b", True)}
        return values

    def signal(self, path, interface, member, signature, body):
        async def send():
            await self.bus.send(Message.new_signal(path, interface, member, signature, body))
        self.run(send())

    def set_power(self, powered, blocked=False, adapter="/org/bluez/hci0"):
        self.adapters[adapter].update(Powered=powered, blocked=blocked)
        if not powered:
            self.advertisement = None
        changed = {key: value for key, value in self.properties(adapter).items() if key.startswith("Power")}
        self.signal(adapter, PROPERTIES, "PropertiesChanged", "sa{sv}as", ["org.bluez.Adapter1", changed, []])

    def remove_adapter(self, adapter="/org/bluez/hci0"):
        del self.adapters[adapter]
        self.application = self.advertisement = None
        self.signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas", [adapter, ["org.bluez.Adapter1", "org.bluez.GattManager1"]])

    def add_adapter(self, adapter="/org/bluez/hci0", powered=True):
        self.adapters[adapter] = {"Powered": powered, "blocked": False}
        self.signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}", [adapter, {"org.bluez.Adapter1": self.properties(adapter)}])

    def add_managers(self, adapter="/org/bluez/hci0"):
        self.managers = True
        self.signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}", [adapter, {"org.bluez.LEAdvertisingManager1": {}}])

    def see_device(self, number):
        """What the daemon says for each device that somebody's scan finds."""
        path = f"/org/bluez/hci0/dev_00_00_5E_00_53_{number:02X}"
        self.signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}", [path, {"org.bluez.Device1": {"RSSI": Variant("n", -70)}}])
        self.signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", ["org.bluez.Device1", {"RSSI": Variant("n", -71)}, []])

    # Calls to the daemon

    def handle(self, message):
        if message.message_type != MessageType.METHOD_CALL or message.destination not in ("org.bluez", self.bus.unique_name):
            return None
        answer = self.answer(message)
        if answer is None:
            return Message.new_error(message, ErrorType.UNKNOWN_METHOD, "")
        return True if answer is True else answer

    def answer(self, message):
        names = [path.rsplit("/", 1)[1] for path in self.adapters]
        if message.member == "Introspect" and message.path == "/org/bluez":
            children = "".join(f'<node name="{name}"/>' for name in names)
            return Message.new_method_return(message, "s", [f'<node><interface name="org.bluez.AgentManager1"></interface>{children}</node>'])
        if message.path not in self.adapters:
            return None
        if message.interface == PROPERTIES and message.member == "GetAll" and message.body == ["org.bluez.Adapter1"]:
            self.asked.append(message.path)
            return Message.new_method_return(message, "a{sv}", [self.properties(message.path)])
        if message.interface == PROPERTIES and message.member == "Set":
            self.switched_on += 1
            if not self.adapters[message.path]["blocked"]:
                threading.Thread(target=self.set_power, args=(True,)).start()
            return Message.new_method_return(message)
        if not self.managers:
            return None
        if message.member == "UnregisterAdvertisement":
            if self.advertisement is None:
                return Message.new_error(message, "org.bluez.Error.DoesNotExist", "")
            self.advertisement = None
            return Message.new_method_return(message)
        if message.member in ("RegisterApplication", "RegisterAdvertisement", "UnregisterApplication"):
            self.loop.create_task(getattr(self, message.member)(message, message.body[0]))
            return True
        return None

    async def ask(self, destination, path, interface, member, signature="", body=()):
        answer = await self.bus.call(Message(destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)))
        if answer.message_type == MessageType.ERROR:
            raise Refused(answer.error_name)
        return answer

    async def RegisterApplication(self, message, path):
        self.registrations.append("application")
        if self.application:
            return await self.bus.send(Message.new_error(message, "org.bluez.Error.AlreadyExists", ""))
        answer = await self.ask(message.sender, path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        self.handles += [interfaces[GATT_SERVICE]["Handle"].value for interfaces in answer.body[0].values() if GATT_SERVICE in interfaces]
        if self.errors:
            return await self.bus.send(Message.new_error(message, self.errors.pop(0), ""))
        self.application = message.sender, answer.body[0]
        await self.bus.send(Message.new_method_return(message))

    async def UnregisterApplication(self, message, path):
        self.application = None
        await self.bus.send(Message.new_method_return(message))

    async def RegisterAdvertisement(self, message, path):
        self.registrations.append("advertisement")
        answer = await self.ask(message.sender, path, PROPERTIES, "GetAll", "s", ["org.bluez.LEAdvertisement1"])
        properties = {key: value.value for key, value in answer.body[0].items()}
        if self.refuses & set(properties):
            return await self.bus.send(Message.new_error(message, "org.bluez.Error.Failed", "Failed to register advertisement"))
        self.advertisement, self.advertises = properties, message.path
        await self.bus.send(Message.new_method_return(message))

    def release(self):
        """The daemon gives the advertisement up."""
        self.advertisement = None
        self.run(self.ask(self.application[0], "/maud/advertisement", "org.bluez.LEAdvertisement1", "Release"))

    # The attribute database

    def path_of(self, uuid):
        return next(path for path, interfaces in self.application[1].items() if interfaces.get(CHARACTERISTIC, {}).get("UUID", Variant("s", "")).value == uuid)

    def table(self):
        """[(UUID, flags)] in the order the node gave."""
        rows = [next(iter(interfaces.values())) for interfaces in self.application[1].values()]
        return [(row["UUID"].value, row["Flags"].value if "Flags" in row else None) for row in rows]

    def call(self, uuid, member, device, signature="", *body, **options):
        options = {"device": Variant("o", device), "link": Variant("s", "LE")} | options
        return self.run(self.ask(self.application[0], self.path_of(uuid), CHARACTERISTIC, member, signature + "a{sv}", [*body, options]))

    def acquire(self, uuid, member, device, mtu):
        answer = self.call(uuid, member, device, mtu=Variant("q", mtu))
        assert answer.body[1] == mtu
        io = socket.socket(fileno=os.dup(answer.unix_fds[answer.body[0]]))
        for descriptor in answer.unix_fds:
            os.close(descriptor)
        io.setblocking(False)
        self.ios[uuid, device if self.is_modern else None] = io
        return io

    def io(self, uuid, device):
        """The descriptor of a characteristic, unless the node has closed its end."""
        key = uuid, device if self.is_modern else None
        if key in self.ios and select.select([self.ios[key]], [], [], 0)[0]:
            try:
                gone = self.ios[key].recv(1, socket.MSG_PEEK) == b""
            except ConnectionError:
                gone = True
            if gone:
                self.ios.pop(key).close()
        return self.ios.get(key)


class Central:
    """A client of the node's, by its device path; what a radio would lose nothing is lost here."""

    def __init__(self, daemon, number, mtu=247):
        self.daemon, self.mtu = daemon, mtu
        self.device = f"/org/bluez/hci0/dev_00_00_5E_00_53_{number:02X}"

    def read_node(self, offset=0):
        options = {"offset": Variant("q", offset)} if offset else {}
        return bytes(self.daemon.call(NODE, "ReadValue", self.device, mtu=Variant("q", self.mtu), **options).body[0])

    def subscribe(self):
        self.daemon.subscribers.append(self)
        if not self.daemon.io(OUT, self.device):
            self.daemon.acquire(OUT, "AcquireNotify", self.device, self.mtu)
        return self

    def unsubscribe(self):
        self.daemon.subscribers.remove(self)
        if self.daemon.is_modern or not self.daemon.subscribers:
            io = self.daemon.io(OUT, self.device)
            if io:
                self.daemon.ios.pop((OUT, self.device if self.daemon.is_modern else None)).close()

    def disconnect(self):
        if self in self.daemon.subscribers:
            self.unsubscribe()
        if self.daemon.is_modern:
            io = self.daemon.ios.pop((IN, self.device), None)
            if io:
                io.close()

    def write(self, value):
        """A write without response."""
        io = self.daemon.io(IN, self.device) or self.daemon.acquire(IN, "AcquireWrite", self.device, self.mtu)
        end = 10
        while not select.select([], [io], [], end)[1]:
            raise TimeoutError("the node does not read")
        io.send(value)

    def write_value(self, value):
        """As a message, which the daemon sends when it could not acquire."""
        self.daemon.call(IN, "WriteValue", self.device, "ay", value)

    def receive(self, patience=10):
        """One notification; None when there will be none. With shared descriptors whoever asks first gets it: a test asks for one central."""
        io = self.daemon.ios.get((OUT, self.device if self.daemon.is_modern else None))
        if not io:
            return None
        if not select.select([io], [], [], patience)[0]:
            raise TimeoutError("no notification")
        try:
            return io.recv(600) or None
        except ConnectionError:
            return None
