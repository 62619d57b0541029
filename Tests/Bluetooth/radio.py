"""The virtual air: Bumble's controllers on one link. Those of the guest have their HCI on a socket that QEMU connects to; each central has its own,
driven by Bumble's host stack, which shares nothing with BlueZ."""
import asyncio
import threading

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink

from client import SERVICE, Client

SMP = 6  # the L2CAP channel of pairing
# Data length extension as every controller since 2014 has it.
for attribute in ("le_acl_data_packet_length", "acl_data_packet_length", "supported_max_tx_octets", "supported_max_rx_octets", "suggested_max_tx_octets"):
    setattr(Controller, attribute, 251)


class Loop:
    """One event loop in a thread of its own: the air goes on while a test does something else."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine, seconds):
        async def caught():
            try:
                async with asyncio.timeout(seconds):
                    return await coroutine, None
            except Exception as error:  # with its traceback, which a future would not always keep
                return None, error
        value, error = asyncio.run_coroutine_threadsafe(caught(), self.loop).result(seconds + 30)
        if error:
            raise error
        return value

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Air(LocalLink):
    """A link that remembers what was paired, and counts what was sent to nobody. (Bumble 0.0.236 names a sender by its random address, whichever it uses.)"""

    def __init__(self):
        super().__init__()
        self.pairing = []
        self.unheard = 0

    def send_advertising_pdu(self, sender_controller, packet):
        """With what a scanner hears too when it asks."""
        if isinstance(packet, ll.AdvInd):
            packet.legacy, packet.response = True, bytes(sender_controller.le_legacy_advertiser.scan_response_data)
        elif isinstance(packet, ll.AdvExtInd):
            one = next(one for one in sender_controller.advertising_sets.values() if one.enabled and bytes(one.data) == packet.data)
            packet.legacy = bool(one.parameters.advertising_event_properties & 0x10)
            packet.response = bytes(one.scan_response_data) if packet.legacy else None
        super().send_advertising_pdu(sender_controller, packet)

    def send_acl_data(self, sender_controller, destination_address, transport, data):
        if data[2:4] == bytes([SMP, 0]):
            self.pairing.append((sender_controller.name, bytes(data[4:])))
        connection = sender_controller.le_connections.get(destination_address)
        source = connection.self_address if connection else sender_controller.random_address
        destination = self.find_le_controller(destination_address)
        if destination is None:
            self.unheard += 1
        else:
            asyncio.get_running_loop().call_soon(destination.on_link_acl_data, source, transport, data)


class VirtualController(Controller):
    """A controller that reports scan responses as what they are. (Bumble 0.0.236 reports the advertisement twice.)"""

    def on_advertising_pdu(self, pdu):
        scanning = self.le_scan_enable
        if scanning:
            self.report(pdu, pdu.data, response=False)
            if pdu.response is not None:
                self.report(pdu, pdu.response, response=True)
        self.le_scan_enable = False  # what is left is connecting
        try:
            super().on_advertising_pdu(pdu)
        finally:
            self.le_scan_enable = scanning

    def report(self, pdu, data, response):
        address = pdu.advertiser_address
        if not self.le_features & hci.LeFeatureMask.LE_EXTENDED_ADVERTISING:
            if not pdu.legacy:
                return
            event = hci.HCI_LE_Advertising_Report_Event
            kind = event.EventType.SCAN_RSP if response else event.EventType.ADV_IND
            self.send_hci_packet(event([event.Report(event_type=kind, address_type=address.address_type, address=address, data=data, rssi=-50)]))
            return
        event = hci.HCI_LE_Extended_Advertising_Report_Event
        kind = event.EventType.CONNECTABLE_ADVERTISING | (event.EventType.SCAN_RESPONSE if response else 0)
        if pdu.legacy:
            kind |= event.EventType.LEGACY_ADVERTISING_PDU_USED | event.EventType.SCANNABLE_ADVERTISING
        self.send_hci_packet(event([event.Report(
            event_type=kind, address_type=address.address_type, address=address, primary_phy=hci.Phy.LE_1M, secondary_phy=0 if pdu.legacy else hci.Phy.LE_1M,
            advertising_sid=0xFF if pdu.legacy else 0, tx_power=127, rssi=-50, periodic_advertising_interval=0, direct_address_type=0,
            direct_address=hci.Address.ANY, data=data)]))


class GuestController(VirtualController):
    """A controller that is reset as the specification says: nothing is left. With `takes_time` its packets take the time that they take on the air
    (LE 1M, an empty packet back, two interframe spaces), and the host is held back by its buffers meanwhile; else none at all."""

    takes_time = False
    free_at = 0.0

    def on_hci_acl_data_packet(self, packet):
        if not self.takes_time:
            return super().on_hci_acl_data_packet(packet)
        loop = asyncio.get_running_loop()
        self.free_at = max(self.free_at, loop.time()) + (8 * (10 + len(packet.data)) + 80 + 2 * 150) / 1e6
        loop.call_at(self.free_at, super().on_hci_acl_data_packet, packet)

    def on_hci_reset_command(self, command):
        self.silence()
        return super().on_hci_reset_command(command)

    def silence(self):
        self.le_legacy_advertiser.stop()
        for advertised in self.advertising_sets.values():
            advertised.stop()
        self.advertising_sets.clear()
        for connection in list(self.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR))
        self.le_connections.clear()


class Radio:
    def __init__(self):
        self.air, self.transports, self.controllers = Air(), [], {}
        self.centrals = []
        self.number = 0

    async def listen(self, path):
        """Where QEMU will connect with the HCI of the guest's next adapter."""
        self.transports.append(await open_transport(f"unix-server:{path}"))

    def plug(self, adapter, extended=False):
        """Without extended advertising it is a controller of Bluetooth 4.2, as on most Raspberry Pis: an advertisement has 31 octets."""
        transport = self.transports[adapter]
        transport.source.parser.reset()
        self.controllers[adapter] = GuestController(f"hci{adapter}", host_source=transport.source, host_sink=transport.sink, link=self.air,
                                                    public_address=f"F0:F0:F0:F0:F0:F{adapter}")
        self.controllers[adapter].extended = extended
        if not extended:
            self.controllers[adapter].le_features &= ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING

    def unplug(self, adapter):
        controller = self.controllers.pop(adapter)
        controller.silence()
        controller.host = None
        self.air.remove_controller(controller)
        self.transports[adapter].source.set_packet_sink(None)

    async def central(self):
        self.number += 1
        central = Central(self, self.number)
        await central.device.power_on()
        self.centrals.append(central)
        return central

    async def clear(self):
        """Ends every connection and takes the centrals away."""
        for central in self.centrals:
            await central.leave()
        self.centrals.clear()

    async def close(self):
        await self.clear()
        for transport in self.transports:
            await transport.close()


class Central:
    def __init__(self, radio, number):
        self.radio = radio
        self.controller = VirtualController(f"central{number}", link=radio.air)
        address = hci.Address(f"C0:00:00:00:{number >> 8:02X}:{number & 255:02X}", hci.Address.RANDOM_DEVICE_ADDRESS)
        self.device = Device(name="central", address=address, host=Host(self.controller, AsyncPipeSink(self.controller)))
        self.advertisements = None
        self.device.on("advertisement", self.advertised)

    def advertised(self, advertisement):
        if self.advertisements is not None:
            self.advertisements.put_nowait(advertisement)

    async def find(self, service=SERVICE, seconds=30):
        """The next advertisement with that service; none raises TimeoutError."""
        self.advertisements = asyncio.Queue()
        await self.device.start_scanning(filter_duplicates=False)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    one = await self.advertisements.get()
                    if service in services(one.data) and one.is_scan_response:
                        return one
        finally:
            self.advertisements = None
            await self.device.stop_scanning()

    async def connect(self, address=None, mtu=517, seconds=30):
        """A client whose service is discovered and whose Node is read; with an MTU of 23 none is negotiated, by neither side."""
        if address is None:
            address = (await self.find(seconds=seconds)).address
        self.device.gatt_server.max_mtu = mtu
        connection = await self.device.connect(address, timeout=seconds)
        return await Client(self, connection).discover(mtu)

    async def leave(self):
        for connection in list(self.device.connections.values()):
            try:
                async with asyncio.timeout(5):
                    await connection.disconnect()
            except Exception:  # whatever state the test left it in, it goes
                pass
        self.controller.host = None
        self.radio.air.controllers.discard(self.controller)


def services(data):
    found = []
    for kind in (AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS):
        for raw in data.get_all(kind, raw=True):
            found += [UUID.from_bytes(raw[start:start + 16]) for start in range(0, len(raw), 16)]
    return found


def hint(advertisement, service=SERVICE):
    """The end of the fingerprint: in the service data, or in the name (8.1, 8.2)."""
    for raw in advertisement.data.get_all(AdvertisingData.SERVICE_DATA_128_BIT_UUID, raw=True):
        if UUID.from_bytes(raw[:16]) == service:
            return bytes(raw[16:])
    for name in advertisement.data.get_all(AdvertisingData.COMPLETE_LOCAL_NAME, raw=True):
        if name.startswith(b"mau-"):
            return bytes.fromhex(name[4:].decode())
    return None
