import CCentral
import EventLoop
import MessageBus
import System

/// BlueZ's daemon as a client of nodes sees it: what adapters, devices and characteristics there are, and calls to them.
///
/// For `mau` on a PC and not in the firmware. The daemon may come and go; who waits for something looks again when told of a change.
public final class Central: BusUser {
    public enum State: Equatable {
        /// Nobody has answered yet.
        case asking
        case noBus
        case noDaemon
        /// The bus does not let this user ask the daemon.
        case notAllowed
        /// The daemon answered with another error, whose name this is.
        case refused(String)
        case ready
    }

    public private(set) var state = State.asking
    /// By their object paths.
    public private(set) var adapters: [String: Adapter] = [:]
    public private(set) var devices: [String: RadioDevice] = [:]
    private(set) var characteristics: [String: Characteristic] = [:]

    private let loop: EventLoop
    private var connection: BusConnection?
    private var handle: OpaquePointer?
    private var lastTag: UInt64 = 0
    private var pending: [UInt64: (CallResult) -> Void] = [:]
    private var watchers: [ObjectIdentifier: () -> Void] = [:]
    private var receivers: [String: ([UInt8]) -> Void] = [:]

    public init(loop: EventLoop) {
        self.loop = loop
        connection = BusConnection(loop: loop, user: self)
    }

    public func start() { connection?.start() }
    public func stop() { connection?.stop() }

    // MARK: The bus

    public func connectToBus() -> OpaquePointer? {
        var made: OpaquePointer?
        guard maud_central_open(Central.takeEvent, Unmanaged.passUnretained(self).toOpaque(), &made) >= 0, let made else {
            state = .noBus
            return nil
        }
        handle = made
        return maud_central_bus(made)
    }

    public func busIsGone() {
        if let handle { maud_central_close(handle) }
        handle = nil
        forget(.noBus)
    }

    /// All that was known is known no more; what was asked is not answered.
    private func forget(_ state: State) {
        self.state = state
        adapters = [:]
        devices = [:]
        characteristics = [:]
        let unanswered = pending
        pending = [:]
        for completion in unanswered.values { completion(.failure(CallError(name: "org.freedesktop.DBus.Error.NoReply", text: "bluetoothd has ended"))) }
        changed()
    }

    private static let takeEvent: maud_central_function = { owner, event in
        guard let owner, let event else { return }
        Unmanaged<Central>.fromOpaque(owner).takeUnretainedValue().take(event.pointee)
    }

    private func take(_ event: maud_central_event) {
        switch event.kind {
        case MAUD_CENTRAL_READY: isReady(event)
        case MAUD_CENTRAL_OBJECT: takeObject(event)
        case MAUD_CENTRAL_GONE: if let path = event.path { remove(String(cString: path)) }
        case MAUD_CENTRAL_ANSWER: pending.removeValue(forKey: event.tag)?(Central.result(event))
        case MAUD_CENTRAL_DAEMON_CHANGED:
            forget(.asking)
            if let handle { _ = maud_central_look(handle) }
        default: connection?.hasBroken()
        }
        changed()
    }

    private func isReady(_ event: maud_central_event) {
        guard let name = event.error.map({ String(cString: $0) }) else {
            connection?.isWorking()
            state = .ready
            return
        }
        switch name {
        case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner": state = .noDaemon
        case "org.freedesktop.DBus.Error.AccessDenied": state = .notAllowed
        default: state = .refused(name)
        }
    }

    // MARK: Objects

    private func takeObject(_ event: maud_central_event) {
        guard let path = event.path.map({ String(cString: $0) }) else { return }
        switch event.object {
        case MAUD_CENTRAL_ADAPTER: adapters[path, default: Adapter(path: path)].take(event)
        case MAUD_CENTRAL_DEVICE: devices[path, default: RadioDevice(path: path)].take(event)
        default:
            characteristics[path, default: Characteristic(path: path)].take(event)
            if event.has & MAUD_CENTRAL_VALUE.rawValue != 0, let receiver = receivers[path] { receiver(Array(UnsafeBufferPointer(start: event.octets, count: event.count))) }
        }
    }

    private func remove(_ path: String) {
        adapters[path] = nil
        devices[path] = nil
        characteristics[path] = nil
    }

    /// The characteristic of a device with this UUID.
    func characteristic(_ uuid: String, of device: String) -> Characteristic? {
        characteristics.values.first { $0.uuid == uuid && $0.path.hasPrefix(device + "/") }
    }

    /// Whether another program on this machine has a device's stream.
    func isInUse(_ device: String) -> Bool { characteristics.values.contains { $0.isInUse && $0.path.hasPrefix(device + "/") } }

    /// Calls `look` whenever something may have changed; nil: no more.
    func watch(_ watcher: AnyObject, _ look: (() -> Void)?) { watchers[ObjectIdentifier(watcher)] = look }

    /// Gives values of a characteristic that come as messages to `receiver`; nil: no more.
    func receive(from characteristic: String, _ receiver: (([UInt8]) -> Void)?) { receivers[characteristic] = receiver }

    private func changed() { for look in Array(watchers.values) { look() } }

    // MARK: Calls

    enum Call {
        case filter(adapter: String)
        case startDiscovery(adapter: String)
        case stopDiscovery(adapter: String)
        case remove(device: String, adapter: String)
        case connect(device: String)
        case disconnect(device: String)
        case read(String)
        case acquireWrite(String)
        case acquireNotify(String)
        case startNotify(String)
        case write(String, UnsafeRawBufferPointer)
    }

    /// Asks the daemon; `completion` is called once, later, whatever happens.
    func call(_ call: Call, _ completion: @escaping (CallResult) -> Void) {
        lastTag += 1
        guard let handle, send(call, lastTag, handle) >= 0 else {
            let timer = OneTimer(loop) { completion(.failure(CallError(name: "org.freedesktop.DBus.Error.Disconnected", text: "there is no bus"))) }
            return timer.start()
        }
        pending[lastTag] = completion
        connection?.flush()
    }

    private func send(_ call: Call, _ tag: UInt64, _ handle: OpaquePointer) -> Int32 {
        switch call {
        case .filter(let adapter): maud_central_filter(handle, tag, adapter)
        case .startDiscovery(let adapter): maud_central_call_adapter(handle, tag, adapter, "StartDiscovery")
        case .stopDiscovery(let adapter): maud_central_call_adapter(handle, tag, adapter, "StopDiscovery")
        case .remove(let device, let adapter): maud_central_remove(handle, tag, adapter, device)
        case .connect(let device): maud_central_call_device(handle, tag, device, "Connect")
        case .disconnect(let device): maud_central_call_device(handle, tag, device, "Disconnect")
        case .read(let path): maud_central_ask(handle, tag, path, "ReadValue")
        case .acquireWrite(let path): maud_central_ask(handle, tag, path, "AcquireWrite")
        case .acquireNotify(let path): maud_central_ask(handle, tag, path, "AcquireNotify")
        case .startNotify(let path): maud_central_start_notify(handle, tag, path)
        case .write(let path, let octets): maud_central_write(handle, tag, path, octets.baseAddress?.assumingMemoryBound(to: UInt8.self), octets.count)
        }
    }

    private static func result(_ event: maud_central_event) -> CallResult {
        if let name = event.error { return .failure(CallError(name: String(cString: name), text: event.message.map { String(cString: $0) } ?? "")) }
        return .success(CallAnswer(octets: Array(UnsafeBufferPointer(start: event.octets, count: event.count)), descriptor: event.descriptor, mtu: Int(event.mtu)))
    }

    /// Has a device disconnected, also when this process ends now.
    func leave(_ device: String) {
        guard let handle else { return }
        maud_central_leave(handle, device)
        maud_central_flush(handle)
    }
}

/// What the daemon answered.
struct CallAnswer {
    let octets: [UInt8]
    /// The receiver's own; -1: none.
    let descriptor: Int32
    let mtu: Int
}

struct CallError: Error {
    /// A name of D-Bus, "org.bluez.Error.Failed".
    let name: String
    let text: String

    var isUnknown: Bool { name.hasSuffix(".UnknownMethod") || name.hasSuffix(".NotSupported") || name.hasSuffix(".UnknownObject") }
    var isInUse: Bool { name.hasSuffix(".NotPermitted") || name.hasSuffix(".InProgress") }
    var words: String { text.isEmpty ? name : text }
}

typealias CallResult = Result<CallAnswer, CallError>

/// Keeps itself until it has fired.
final class OneTimer {
    private let loop: EventLoop
    private var timer: Timer?
    private var done: (() -> Void)?

    init(_ loop: EventLoop, _ done: @escaping () -> Void) {
        self.loop = loop
        self.done = done
        timer = Timer { [self] in fire() }
    }

    func start(after delay: Int64 = 0) { if let timer { loop.schedule(timer, after: delay) } }

    func cancel() {
        if let timer { loop.cancel(timer) }
        timer = nil
        done = nil
    }

    private func fire() {
        let done = done
        cancel()
        done?()
    }
}

// MARK: Scanning

extension Central {
    /// Begins to listen for nodes; `completion` gets why not, or nil.
    public func startScan(on adapter: String, _ completion: @escaping (LinkFailure?) -> Void) {
        call(.filter(adapter: adapter)) { [unowned self] result in
            if case .failure(let error) = result { return completion(.refused(error.words)) }
            call(.startDiscovery(adapter: adapter)) { result in
                if case .failure(let error) = result { completion(.refused(error.words)) } else { completion(nil) }
            }
        }
    }

    /// Ends connections that a program left which has ended: who is connected is often not heard.
    public func endLeftovers(on adapter: String) {
        for device in leftovers(on: adapter) { call(.disconnect(device: device)) { _ in } }
    }

    /// Nodes that are connected, and that nobody uses.
    public func leftovers(on adapter: String) -> [String] {
        devices.values.filter { $0.path.hasPrefix(adapter + "/") && $0.isNode && $0.isConnected && !isInUse($0.path) }.map(\.path)
    }

    /// Listens no more: many controllers cannot listen and connect at the same time.
    public func stopScan(on adapter: String, _ completion: @escaping () -> Void) { call(.stopDiscovery(adapter: adapter)) { _ in completion() } }
}
