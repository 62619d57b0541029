"""The other half of the bluetoothd that is none (bluez.py): what a client sees of BlueZ on its own bus. Nodes that are registered with daemons of bluez.py are its air;
once connected, the client has the other ends of the node's own descriptors, so that the client's and the node's real state machines talk to each other. With `loss`
a part of the fragments is lost between them, in both directions, the same part each time."""
import asyncio
import os
import socket
import threading

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.constants import ErrorType, NameFlag

from bluez import CHARACTERISTIC, IN, NODE, OUT, PROPERTIES, SERVICE, Central
from pump import Pump

OBJECTS = "org.freedesktop.DBus.ObjectManager"
FLAGS = {NODE: ["read"], IN: ["write-without-response", "write"], OUT: ["notify"]}


class Device:
    """A node, as the client's daemon knows it."""

    def __init__(self, adapter, number, node, mtu):
        self.number, self.node = number, node
        self.path = f"{adapter}/dev_00_00_5E_00_53_{number:02X}"
        self.central = Central(node, 0x80 + number, mtu)
        self.known = self.connected = self.acquired = False
        self.descriptors = []

    def advertised(self):
        advertisement = self.node.advertisement
        return advertisement and SERVICE in advertisement["ServiceUUIDs"]

    def properties(self, rssi=True):
        values = {"Address": Variant("s", f"00:00:5E:00:53:{self.number:02X}"), "AddressType": Variant("s", "public"), "Connected": Variant("b", self.connected),
                  "ServicesResolved": Variant("b", self.connected), "Paired": Variant("b", False)}
        advertisement = self.node.advertisement or {}
        if "LocalName" in advertisement:
            values["Name"] = Variant("s", advertisement["LocalName"])
        if "ServiceUUIDs" in advertisement:
            values["UUIDs"] = Variant("as", advertisement["ServiceUUIDs"])
        for key in ("ServiceData", "ScanResponseServiceData"):
            if key in advertisement:
                values["ServiceData"] = Variant("a{sv}", advertisement[key])
        if rssi:
            values["RSSI"] = Variant("n", -40 - self.number)
        return values

    def characteristics(self):
        for uuid, name in ((NODE, "node"), (IN, "in"), (OUT, "out")):
            values = {"UUID": Variant("s", uuid), "Service": Variant("o", f"{self.path}/service"), "Flags": Variant("as", FLAGS[uuid]), "MTU": Variant("q", self.central.mtu)}
            if uuid != NODE:
                values["WriteAcquired" if uuid == IN else "NotifyAcquired"] = Variant("b", self.acquired)
            yield f"{self.path}/service/{name}", {CHARACTERISTIC: values}


class CentralDaemon:
    """The client's daemon. `nodes`: {number: the daemon of bluez.py that a node registered with}. Every method may be called from the test's thread."""

    def __init__(self, address, nodes, adapters=("hci0",), powered=True, blocked=False, mtu=247, loss=0.0, descriptors=True):
        self.address, self.powered, self.blocked, self.loss, self.has_descriptors = address, powered, blocked, loss, descriptors
        self.adapters = [f"/org/bluez/{name}" for name in adapters]
        self.devices = [Device(self.adapters[0], number, node, mtu) for number, node in nodes.items()] if adapters else []
        self.discovering = False
        self.refused_connections = 0     # so many more attempts to connect fail
        self.hanging = 0                 # so many more attempts come to no end
        self.hung = None
        self.foreign_table = 0           # so many more connections show a table that is not the node's
        self.goes_slowly = 0.0           # seconds until a connection has ended
        self.calls = []
        self.pumps = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.run(self.begin())

    async def begin(self):
        self.bus = await MessageBus(self.address, negotiate_unix_fd=True).connect()
        self.bus.add_message_handler(self.handle)
        await self.bus.request_name("org.bluez", NameFlag.DO_NOT_QUEUE)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def end(self):
        """As if it had crashed."""
        async def disconnect():
            self.bus.disconnect()
        self.run(disconnect())

    def close(self):
        for device in self.devices:
            self.forget_descriptors(device)
        self.end()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def device(self, number):
        return next(device for device in self.devices if device.number == number)

    def connected(self):
        return [device.number for device in self.devices if device.connected]

    # Signals

    async def signal(self, path, interface, member, signature, *body):
        await self.bus.send(Message.new_signal(path, interface, member, signature, list(body)))

    async def changed(self, path, interface, values, gone=()):
        await self.signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", interface, values, list(gone))

    async def heard(self, device):
        if not device.advertised():
            return
        if device.known:
            await self.changed(device.path, "org.bluez.Device1", {"RSSI": Variant("n", -40 - device.number)})
        else:
            device.known = True
            await self.signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", device.path, {"org.bluez.Device1": device.properties()})

    def see(self, number):
        """The device comes into range while somebody listens."""
        self.run(self.heard(self.device(number)))

    def lose(self, number):
        """The connection breaks."""
        self.run(self.disconnect(self.device(number)))

    # Calls

    def handle(self, message):
        if message.message_type != MessageType.METHOD_CALL or message.destination not in ("org.bluez", self.bus.unique_name):
            return None
        self.loop.create_task(self.answer(message))
        return True

    async def answer(self, message):
        self.calls.append(message.member)
        try:
            answer = await self.carry_out(message)
        except KeyError:
            answer = Message.new_error(message, ErrorType.UNKNOWN_METHOD, "")
        fds = list(answer.unix_fds)
        await self.bus.send(answer)
        for fd in fds:
            os.close(fd)

    async def carry_out(self, message):
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.objects()])
        if message.path in self.adapters:
            return await {"SetDiscoveryFilter": self.filter, "StartDiscovery": self.start, "StopDiscovery": self.stop, "RemoveDevice": self.remove}[message.member](message)
        device = next((device for device in self.devices if message.path.startswith(device.path) and device.known), None)
        if device is None:
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", "")
        if message.path == device.path:
            return await {"Connect": self.connect, "Disconnect": self.leave}[message.member](message, device)
        if not device.connected:
            return Message.new_error(message, "org.bluez.Error.Failed", "Not connected")
        return await {"ReadValue": self.read, "AcquireNotify": self.acquire, "AcquireWrite": self.acquire, "StartNotify": self.notify, "WriteValue": self.write}[message.member](message, device)

    def adapter_properties(self, adapter):
        state = "on" if self.powered else "off-blocked" if self.blocked else "off"
        return {"Address": Variant("s", "00:00:5E:00:53:F0"), "AddressType": Variant("s", "public"), "Powered": Variant("b", self.powered), "PowerState": Variant("s", state)}

    def objects(self):
        found = {adapter: {"org.bluez.Adapter1": self.adapter_properties(adapter)} for adapter in self.adapters}
        for device in self.devices:
            if device.known:
                found[device.path] = {"org.bluez.Device1": device.properties(rssi=self.discovering)}
                if device.connected:
                    found |= dict(device.characteristics())
        return found

    # Adapter

    async def filter(self, message):
        assert message.body[0]["UUIDs"].value == [SERVICE] and message.body[0]["Transport"].value == "le"
        return Message.new_method_return(message)

    async def start(self, message):
        if not self.powered:
            return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
        self.discovering = True
        self.loop.call_soon(lambda: [self.loop.create_task(self.heard(device)) for device in self.devices])
        return Message.new_method_return(message)

    async def stop(self, message):
        self.discovering = False
        for device in self.devices:
            if device.known:
                await self.changed(device.path, "org.bluez.Device1", {}, ["RSSI"])
        return Message.new_method_return(message)

    async def remove(self, message):
        device = next(device for device in self.devices if device.path == message.body[0])
        await self.disconnect(device)
        device.known = False
        await self.signal("/", OBJECTS, "InterfacesRemoved", "oas", device.path, ["org.bluez.Device1", PROPERTIES])
        return Message.new_method_return(message)

    # Device

    async def connect(self, message, device):
        if self.discovering or self.refused_connections:
            self.refused_connections -= 1
            return Message.new_error(message, "org.bluez.Error.Failed", "le-connection-abort-by-local")
        if self.hanging:
            self.hanging -= 1
            self.hung = self.loop.create_future()
            await self.hung
            return Message.new_error(message, "org.bluez.Error.Failed", "Operation aborted")
        device.connected = True
        await self.changed(device.path, "org.bluez.Device1", {"Connected": Variant("b", True)})
        if self.foreign_table:
            self.foreign_table -= 1
        else:
            for path, interfaces in device.characteristics():
                await self.signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", path, interfaces)
        await self.changed(device.path, "org.bluez.Device1", {"ServicesResolved": Variant("b", True)})
        return Message.new_method_return(message)

    async def leave(self, message, device):
        if self.hung and not self.hung.done():
            self.hung.set_result(None)
        await asyncio.sleep(self.goes_slowly)
        await self.disconnect(device)
        return Message.new_method_return(message)

    async def disconnect(self, device):
        if not device.connected:
            return
        device.connected = device.acquired = False
        await self.loop.run_in_executor(None, self.forget_descriptors, device)
        for path, _ in device.characteristics():
            await self.signal("/", OBJECTS, "InterfacesRemoved", "oas", path, [CHARACTERISTIC, PROPERTIES])
        await self.changed(device.path, "org.bluez.Device1", {"Connected": Variant("b", False), "ServicesResolved": Variant("b", False)})

    def forget_descriptors(self, device):
        for one in device.descriptors:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        device.descriptors.clear()
        device.central.disconnect()

    # Characteristics

    async def read(self, message, device):
        value = await self.loop.run_in_executor(None, device.central.read_node)
        return Message.new_method_return(message, "ay", [value])

    def open(self, device, is_output):
        """The daemon's end of the node's descriptor."""
        if is_output:
            device.central.subscribe()
            return device.node.ios[OUT, device.central.device if device.node.is_modern else None]
        return device.node.io(IN, device.central.device) or device.node.acquire(IN, "AcquireWrite", device.central.device, device.central.mtu)

    async def acquire(self, message, device):
        if not self.has_descriptors:
            raise KeyError
        if device.acquired and message.member == "AcquireNotify":
            return Message.new_error(message, "org.bluez.Error.NotPermitted", "Notify acquired")
        device.acquired = True
        is_output = message.member == "AcquireNotify"
        own = await self.loop.run_in_executor(None, self.open, device, is_output)
        if self.loss:
            own.setblocking(True)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            device.descriptors.append(ours)
            self.pumps.append(Pump(own, ours.send, self.loss, 1) if is_output else Pump(ours, own.send, self.loss, 2))
        else:
            theirs = own.dup()
        return Message.new_method_return(message, "hq", [0, device.central.mtu], unix_fds=[theirs.detach()])

    async def notify(self, message, device):
        own = await self.loop.run_in_executor(None, self.open, device, True)
        own.setblocking(True)
        path = message.path

        def tell(value):
            asyncio.run_coroutine_threadsafe(self.changed(path, CHARACTERISTIC, {"Value": Variant("ay", value)}), self.loop)
        self.pumps.append(Pump(own, tell, 0, 1))
        return Message.new_method_return(message)

    async def write(self, message, device):
        assert message.body[1]["type"].value == "command"
        await self.loop.run_in_executor(None, device.central.write, bytes(message.body[0]))
        return Message.new_method_return(message)
