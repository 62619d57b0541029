import CLinux
import EventLoop
import Streams
import System

/// The clients that subscribed to Out: a link for each, whose stream they open by writing to In.
///
/// From BlueZ 5.69 on a client has a pair of descriptors of its own. Before that each characteristic has one, for all: the first who subscribes gets it made,
/// the others write and listen to the same, and neither can be told from the other; nor is it seen that they subscribe. So as long as nothing shows that
/// this is another BlueZ, a stream that begins while there is one ends both (`GATTLink.isShared`).
public final class Clients {
    /// Since the start.
    public struct Counters: Sendable {
        public fileprivate(set) var subscribed = 0
        public fileprivate(set) var streams = 0
        /// Clients that found every place taken.
        public fileprivate(set) var refused = 0
        /// Clients without a stream that made room for others.
        public fileprivate(set) var evicted = 0
        /// Streams that ended because of a second client on a shared descriptor.
        public fileprivate(set) var disputed = 0
    }

    private final class Client {
        let device: [UInt8]
        let mtu: Int
        let descriptor: Int32
        /// Every place was taken when it came.
        var isRefused: Bool
        var link: GATTLink?

        init(_ device: [UInt8], _ descriptor: Int32, mtu: Int, isRefused: Bool) {
            self.device = device
            self.descriptor = descriptor
            self.mtu = mtu
            self.isRefused = isRefused
        }
    }

    private let loop: EventLoop
    private let accept: (any Streams.Stream) -> Void
    private var clients: [Client] = []
    /// Each client has its own descriptors: BlueZ is known to be such, or has shown it.
    private var areApart = false
    private var isEnding = false
    public private(set) var counters = Counters()

    init(loop: EventLoop, accept: @escaping (any Streams.Stream) -> Void) {
        self.loop = loop
        self.accept = accept
    }

    /// Clients now, and those of them that have a stream.
    public var count: Int { clients.count }
    public var streams: Int { clients.count { $0.link?.isBusy ?? false } }

    /// BlueZ of another version may be there now.
    func forgetVersion() { areApart = false }

    /// No stream begins any more: the node stops.
    func refuse() {
        isEnding = true
        for client in clients { client.link?.refusal = .stopping }
    }

    /// Ends all streams.
    func close() { while let client = clients.last { remove(client, .stopping) } }

    // MARK: What BlueZ tells

    /// A client subscribed. Takes the descriptor, or returns false.
    func subscribe(_ device: [UInt8], _ descriptor: Int32, mtu: Int, isApart: Bool) -> Bool {
        counters.subscribed += 1
        if let former = client(device) { remove(former) }
        if isApart || clients.contains(where: { isThere($0) }) { areApart = true }
        // Whoever waits for a place gets the one that is made.
        if isFull { evict() }
        let isRefused = isFull
        if isRefused {
            counters.refused += 1
            guard clients.count < Bounds.bluetoothClients + Bounds.bluetoothRefused else { return false }
        }
        let client = Client(device, descriptor, mtu: mtu, isRefused: isRefused)
        do throws(SystemError) { try loop.add(descriptor, []) { [unowned(unsafe) self, unowned(unsafe) client] _ in remove(client) } } catch { return false }
        clients.append(client)
        return true
    }

    /// A client writes for the first time: its stream can begin. Takes the descriptor, or returns false.
    func write(_ device: [UInt8], _ descriptor: Int32) -> Bool {
        guard let client = writer(device), client.link == nil else { return false }
        return link(client, receiving: descriptor)
    }

    /// A write that came as a message; false: of a client that has not subscribed.
    func take(_ value: UnsafeRawBufferPointer, from device: [UInt8]) -> Bool {
        guard let client = writer(device) else { return false }
        if client.link == nil, !link(client, receiving: client.descriptor) { return false }
        client.link?.carrierReceived(value)
        return true
    }

    // MARK: Clients

    private func client(_ device: [UInt8]) -> Client? { clients.first { $0.device == device } }

    /// Who may write: with shared descriptors whoever does it first stands for all.
    private func writer(_ device: [UInt8]) -> Client? { client(device) ?? (areApart ? nil : clients.first) }

    /// Whether the descriptor is not closed at the other end: nothing is ever sent to us on it.
    private func isThere(_ client: Client) -> Bool {
        var octet: UInt8 = 0
        return maud_receive(client.descriptor, &octet, 1) == Int(-ErrorNumber.again)
    }

    private func link(_ client: Client, receiving: Int32) -> Bool {
        loop.remove(client.descriptor)
        do throws(SystemError) {
            let carrier = try DescriptorCarrier(sending: client.descriptor, receiving: receiving, mtu: client.mtu, loop: loop)
            let link = GATTLink(over: carrier, loop: loop) { [unowned(unsafe) self] stream in
                counters.streams += 1
                accept(stream)
            }
            link.failed = { [unowned(unsafe) self, unowned(unsafe) client] in remove(client) }
            link.isShared = { [unowned(unsafe) self] in isDisputed() }
            link.refusal = isEnding ? .stopping : client.isRefused ? .busy : nil
            client.link = link
        } catch { clients.removeAll { $0 === client } }
        return true
    }

    /// Every place is taken.
    private var isFull: Bool { clients.count { !$0.isRefused } >= Bounds.bluetoothClients }

    /// Makes room by a client without a stream, if there is one.
    private func evict() {
        guard let idle = clients.first(where: { !$0.isRefused && !($0.link?.isBusy ?? false) }) else { return }
        counters.evicted += 1
        remove(idle)
    }

    private func remove(_ client: Client, _ reason: CloseReason = .done) {
        guard let index = clients.firstIndex(where: { $0 === client }) else { return }
        clients.remove(at: index)
        if !client.isRefused, let waiting = clients.first(where: { $0.isRefused }) {
            waiting.isRefused = false
            waiting.link?.refusal = nil
        }
        if let link = client.link { return link.close(reason) }
        loop.remove(client.descriptor)
        _ = maud_close(client.descriptor)
    }

    /// Another stream begins while there is one: whether it may be of another client.
    private func isDisputed() -> Bool {
        if areApart { return false }
        counters.disputed += 1
        guard counters.disputed & (counters.disputed - 1) == 0 else { return true }
        var line = Log("bluetooth-shared")
        line.field("reason", "another client subscribed, and this BlueZ has one descriptor for all: both streams end")
        line.write()
        return true
    }
}
