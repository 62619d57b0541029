import Board
import CBlueZ
import EventLoop
import MessageBus
import OpenPGP
import Streams
import System

/// The node as BlueZ sees it: a GATT service and an advertisement, by bluetoothd on the system's bus (docs/bluetooth.md).
///
/// The daemon, its adapters and their power may come and go: of each change the log has one line, and the rest of the node goes on.
public final class Peripheral: BusUser {
    /// What `maud status` tells.
    public enum State: Sendable {
        /// There is no bus, or no bluetoothd.
        case absent
        case noAdapter
        case off
        /// Off, and rfkill keeps it off.
        case blocked
        /// BlueZ was told; it is working on it.
        case registering
        case advertising
        /// BlueZ does not take the service or the advertisement. It is asked again.
        case refused

        public var description: StaticString {
            switch self {
            case .absent: "absent"
            case .noAdapter: "no-adapter"
            case .off: "off"
            case .blocked: "blocked"
            case .registering: "registering"
            case .advertising: "advertising"
            case .refused: "refused"
            }
        }
    }

    private let settings: BluetoothSettings
    private let loop: EventLoop
    private var node: NodeValue
    private var bluez: OpaquePointer?
    private var connection: BusConnection?
    private var timer: Timer?
    private var failures = 0
    /// What board.json says of the advertisement and BlueZ did not take: the power, then the interval too.
    private var reduction = 0
    /// The adapter was on, or was switched on.
    private var hasSwitchedOn = false
    private var isEnding = false
    private var logTimer: Timer?
    private var logged: State?
    /// Why BlueZ refused, as it says.
    private var problem: Message = ""
    public private(set) var state = State.absent
    /// Times that BlueZ took the advertisement.
    public private(set) var advertisements = 0
    public let clients: Clients
    public let channel: Channel

    /// - Parameter accept: is given each stream that a client opens.
    public init(_ settings: BluetoothSettings, fingerprint: Fingerprint, speaksTLS: Bool, loop: EventLoop, accept: @escaping (any Streams.Stream) -> Void) {
        self.settings = settings
        self.loop = loop
        node = NodeValue(fingerprint: fingerprint, canBeClaimed: false, speaksTLS: speaksTLS, channel: nil)
        clients = Clients(loop: loop, accept: accept)
        channel = Channel(loop: loop, accept: accept)
        connection = BusConnection(loop: loop, user: self)
        timer = Timer { [unowned(unsafe) self] in register() }
        logTimer = Timer { [unowned(unsafe) self] in log() }
    }

    /// The node has no owner yet: clients read it in Node.
    public var isClaimable: Bool {
        get { node.canBeClaimed }
        set {
            node.canBeClaimed = newValue
            tellNode()
        }
    }

    public func start() { connection?.start() }

    /// Begins the end of the program: nobody is invited any more, and no stream begins. Those that there are go on.
    public func finish() {
        if let timer { loop.cancel(timer) }
        isEnding = true
        clients.refuse()
        channel.close()
        guard let bluez else { return }
        maud_bluez_withdraw(bluez)
        connection?.flush()
    }

    /// Ends every stream, with a word to its client, and the connection to the bus, with which BlueZ forgets us.
    public func close() {
        clients.close()
        connection?.stop()
        if let logTimer { loop.cancel(logTimer) }
    }

    // MARK: The bus

    public func connectToBus() -> OpaquePointer? {
        let owner = Unmanaged.passUnretained(self).toOpaque()
        let result = settings.adapter?.withCString { maud_bluez_open($0, Peripheral.takeEvent, owner, &bluez) } ?? maud_bluez_open(nil, Peripheral.takeEvent, owner, &bluez)
        guard result >= 0, let bluez else {
            enter(.absent)
            return nil
        }
        tellNode()
        return maud_bluez_bus(bluez)
    }

    public func busIsGone() {
        if let bluez { maud_bluez_close(bluez) }
        bluez = nil
        enter(.absent)
    }

    private static let takeEvent: maud_bluez_function = { owner, event in
        guard let owner, let event else { return false }
        return Unmanaged<Peripheral>.fromOpaque(owner).takeUnretainedValue().take(event.pointee)
    }

    private func take(_ event: maud_bluez_event) -> Bool {
        switch event.kind {
        case MAUD_BLUEZ_STATE: adapterChanged(event.state)
        case MAUD_BLUEZ_REGISTERED: if event.error == nil { advertise() } else { isRefused(event.error) }
        case MAUD_BLUEZ_ADVERTISED: if event.error == nil { isAdvertised() } else { isNotAdvertised(event.error) }
        case MAUD_BLUEZ_ACQUIRE_NOTIFY:
            return clients.subscribe(Peripheral.device(event), event.descriptor, mtu: Int(event.mtu), isApart: bluez.map { maud_bluez_has_descriptors_of_clients($0) } ?? false)
        case MAUD_BLUEZ_ACQUIRE_WRITE: return clients.write(Peripheral.device(event), event.descriptor)
        case MAUD_BLUEZ_VALUE: return clients.take(UnsafeRawBufferPointer(start: event.octets, count: event.count), from: Peripheral.device(event))
        default: connection?.hasBroken()
        }
        return true
    }

    private static func device(_ event: maud_bluez_event) -> [UInt8] { event.device.map { Message(cString: $0).octets } ?? [] }

    private func tellNode() {
        let octets = node.octets
        if let bluez { maud_bluez_set_node(bluez, octets, octets.count) }
    }

    // MARK: The adapter

    private func adapterChanged(_ state: maud_bluez_state) {
        connection?.isWorking()
        switch state {
        case MAUD_BLUEZ_ON:
            hasSwitchedOn = true
            // It may be there since the last look, with what was missing then.
            if self.state != .registering, self.state != .advertising { failures = 0; register() }
        case MAUD_BLUEZ_OFF:
            enter(.off)
            // Not again: whoever switches it off afterwards means it.
            if settings.switchesOn, !hasSwitchedOn, let bluez { hasSwitchedOn = true; maud_bluez_power_on(bluez) }
        case MAUD_BLUEZ_BLOCKED: isOut(.blocked)
        case MAUD_BLUEZ_NO_ADAPTER: isOut(.noAdapter)
        default:
            clients.forgetVersion()
            isOut(.absent)
        }
    }

    /// What comes back may be switched on.
    private func isOut(_ state: State) {
        hasSwitchedOn = false
        enter(state)
    }

    private func enter(_ state: State) {
        if state != .registering, state != .refused, let timer { loop.cancel(timer) }
        self.state = state
        // When a daemon ends, its adapters do first: only what lasts is said.
        if let logTimer { loop.schedule(logTimer, after: 500_000_000) }
    }

    private func log() {
        guard state != .registering, state != logged else { return }
        logged = state
        var line = Log("bluetooth")
        line.field("state", Message(state.description))
        if let bluez, let adapter = maud_bluez_adapter(bluez) { line.field("adapter", Message(cString: adapter)) }
        if state == .refused { line.field("reason", problem) }
        line.write()
    }

    // MARK: What is registered

    private func register() {
        guard let bluez, !isEnding else { return }
        enter(.registering)
        reduction = 0
        channel.open()
        node.channel = channel.psm
        tellNode()
        if maud_bluez_register(bluez) < 0 { isRefused(nil) }
        connection?.flush()
    }

    private func advertise() {
        guard let bluez else { return }
        var advertisement = maud_bluez_advertisement()
        let identity = node.fingerprint.octets.suffix(8)
        withUnsafeMutableBytes(of: &advertisement.identity) { $0.copyBytes(from: identity) }
        advertisement.interval = reduction < 2 ? UInt32(settings.interval) : 0
        advertisement.power = reduction < 1 ? Int16(settings.transmitPower ?? 127) : 127
        if maud_bluez_advertise(bluez, &advertisement) < 0 { isRefused(nil) }
        connection?.flush()
    }

    private func isAdvertised() {
        failures = 0
        advertisements += 1
        if reduction > 0 {
            var line = Log("bluetooth-settings-refused")
            line.field("without", reduction == 1 ? "transmitPower" : "transmitPower and interval")
            line.write()
        }
        enter(.advertising)
    }

    /// Some controllers and kernels cannot have the power set, or the interval.
    private func isNotAdvertised(_ error: UnsafePointer<CChar>?) {
        guard state == .registering, reduction < 2 else { return isRefused(error) }
        reduction += reduction == 0 && settings.transmitPower == nil ? 2 : 1
        advertise()
    }

    private func isRefused(_ error: UnsafePointer<CChar>?) {
        failures += 1
        problem = error.map { Message(cString: $0) } ?? "it cannot be asked"
        enter(.refused)
        let pause = BusConnection.pause(failures, longest: Bounds.busPauseSeconds)
        if let timer { loop.schedule(timer, after: Int64(pause) * nanosecondsPerSecond) }
    }
}
