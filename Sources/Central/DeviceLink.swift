import Bluetooth
import CCentral
import EventLoop
import OpenPGP
import Streams
import System

/// The connection to one device: made by the daemon, its Node read, streams opened on it one after another. Whoever makes it calls `leave` at the end, for
/// the daemon keeps connections of programs that have ended.
public final class DeviceLink {
    private enum Step { case idle, leaving, connecting, resolving, reading, ready, failed }

    /// By what the last stream goes.
    public enum Carrier: String, Sendable { case gatt, channel }

    static let uuids = (node: "76ae0729-376d-4c1e-9f25-6e6c6655c3bc", input: "76ae072a-376d-4c1e-9f25-6e6c6655c3bc", output: "76ae072b-376d-4c1e-9f25-6e6c6655c3bc")
    /// BlueZ gives up some connections at once that work a moment later ("le-connection-abort-by-local").
    private static let attempts = 4, pause: Int64 = 500_000_000
    /// An attempt without end is given up: longer than from one advertisement to the next.
    private static let patience = 12 * nanosecondsPerSecond

    public let path: String
    public private(set) var node: NodeValue?
    public private(set) var carrier = Carrier.gatt
    let central: Central
    let loop: EventLoop
    let adapter: String
    private var step = Step.idle
    private var isOurs = false
    private var attempts = 0
    private var failure: LinkFailure?
    private var completion: ((Result<NodeValue, LinkFailure>) -> Void)?
    private var timer: OneTimer?
    /// What fragments go over, once somebody has opened a stream.
    var gatt: GATTLink?
    var opening: StreamOpening?
    /// Channels did not work with this device, or are not wanted: they are not tried.
    var avoidsChannel: Bool

    /// - Parameters:
    ///   - path: of the device.
    ///   - adapter: path of the adapter that hears it.
    public init(_ path: String, adapter: String, central: Central, loop: EventLoop, usesChannel: Bool = true) {
        avoidsChannel = !usesChannel
        self.path = path
        self.adapter = adapter
        self.central = central
        self.loop = loop
        central.watch(self) { [unowned self] in look() }
    }

    deinit { central.watch(self, nil) }

    public var isUp: Bool { step == .ready }
    private var device: RadioDevice? { central.devices[path] }

    // MARK: Connecting

    /// Connects, and reads what the device is. `completion` is called once, later; not at all after `leave`.
    public func prepare(_ completion: @escaping (Result<NodeValue, LinkFailure>) -> Void) {
        if step == .failed { step = .idle }
        guard step == .idle || step == .ready else { return }
        self.completion = completion
        failure = nil
        guard step == .idle else { return later { [unowned self] in finish() } }
        attempts = 0
        guard device?.isConnected == true else { return connect() }
        // Somebody else's, or what a program left that has ended: BlueZ takes 2 s to end a connection.
        if central.isInUse(path) { return later { [unowned self] in fail(.inUse) } }
        step = .leaving
        central.call(.disconnect(device: path)) { [weak self] _ in self?.look() }
    }

    /// Ends the connection, and everything on it.
    public func leave() {
        completion = nil
        timer?.cancel()
        opening?.cancel()
        opening = nil
        gatt?.close()
        gatt = nil
        if isOurs { central.leave(path) }
        isOurs = false
        node = nil
        step = .idle
    }

    /// Has the daemon forget the device: it may remember a table that is another one now.
    public func forget(_ completion: @escaping () -> Void) {
        leave()
        central.call(.remove(device: path, adapter: adapter)) { _ in completion() }
    }

    private func connect() {
        step = .connecting
        isOurs = true
        attempts += 1
        later(DeviceLink.patience) { [unowned self] in central.call(.disconnect(device: path)) { _ in } }
        central.call(.connect(device: path)) { [weak self] result in
            guard let self, step == .connecting else { return }
            switch result {
            case .success:
                step = .resolving
                look()
            case .failure(let error): connectionFailed(error.words)
            }
        }
    }

    private func connectionFailed(_ words: String) {
        guard attempts < DeviceLink.attempts, device != nil else { return fail(.notConnected(words)) }
        step = .connecting
        later(DeviceLink.pause) { [unowned self] in connect() }
    }

    /// Something may have changed: goes on when what is waited for has come.
    private func look() {
        switch step {
        case .leaving: if device?.isConnected != true { connect() }
        case .resolving:
            guard let device else { return fail(.lost) }
            if device.isResolved { return read() }
            if !device.isConnected { connectionFailed("it ended at once") }
        case .reading: if device?.isConnected != true { connectionFailed("it ended at once") }
        case .ready: if device?.isConnected != true { fail(.lost) }
        case .idle, .connecting, .failed: break
        }
    }

    private func read() {
        step = .reading
        timer?.cancel()
        guard let characteristic = central.characteristic(DeviceLink.uuids.node, of: path) else { return fail(.notANode) }
        central.call(.read(characteristic.path)) { [weak self] result in
            guard let self, step == .reading else { return }
            guard case .success(let answer) = result, let value = answer.octets.withUnsafeBytes({ NodeValue($0) }) else { return fail(.notANode) }
            node = value
            step = .ready
            finish()
        }
    }

    /// The link is of no use any more.
    func fail(_ failure: LinkFailure) {
        guard step != .failed else { return }
        step = .failed
        self.failure = failure
        timer?.cancel()
        node = nil
        opening?.fail(failure)
        gatt?.close()
        gatt = nil
        if isOurs, device?.isConnected == true { central.leave(path) }
        isOurs = false
        finish()
    }

    private func finish() {
        let done = completion
        completion = nil
        if let node { done?(.success(node)) } else { done?(.failure(failure ?? .lost)) }
    }

    private func later(_ delay: Int64 = 0, _ work: @escaping () -> Void) {
        timer?.cancel()
        timer = OneTimer(loop, work)
        timer?.start(after: delay)
    }

    // MARK: Streams

    /// Opens a stream on a connection that is there; the one before it is over. `completion` is called once, later; not at all after the opening is cancelled.
    public func open(_ completion: @escaping (Result<any Streams.Stream, LinkFailure>) -> Void) -> StreamOpening {
        opening?.cancel()
        let made = StreamOpening(self, completion)
        opening = made
        made.start()
        return made
    }

    /// From now on streams go over GATT; false: they did already.
    public func avoidChannel() -> Bool {
        defer { avoidsChannel = true }
        return !avoidsChannel
    }

    func opened(by carrier: Carrier) { self.carrier = carrier }

    /// Why the device wants no stream over GATT, as it said of the last one; nil: it did not say so.
    public var refusal: CloseReason? {
        guard case .closedByPeer(let reason)? = gatt?.stream?.ending, reason.refusesOpening else { return nil }
        return reason
    }

    /// The kernel's addresses of a channel.
    var ends: (adapter: Adapter, device: RadioDevice)? {
        guard let own = central.adapters[adapter], let device else { return nil }
        return (own, device)
    }
}
