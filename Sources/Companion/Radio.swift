import Bluetooth
import Central
import EventLoop
import Node
import OpenPGP
import Peer
import Streams
import System

/// Devices within reach of this machine's Bluetooth (docs/bluetooth.md), for a command that waits for them.
final class Radio {
    /// A device as it was heard last.
    struct Heard {
        let device: RadioDevice
        var fingerprint: Fingerprint?
        var canBeClaimed = false
    }

    /// Seconds that one device is listened for, that everybody is, and that a connection may take until the device's Node is read.
    static let searchSeconds = 10.0, lookSeconds = 5.0, connectSeconds = 40.0
    /// Connections at a time: some controllers have no more.
    private static let mostLinks = 4

    private unowned let desk: Desk
    let central: Central
    private let adapter: Adapter
    /// Everybody who was heard by this command, the strongest first.
    private(set) var heard: [Heard] = []
    private var links: [(address: PeerAddress, link: DeviceLink)] = []
    /// When somebody was searched for in vain, in nanoseconds since boot.
    private var searched: Int64?

    /// Finds the daemon and an adapter that is on. What is missing is an error that says how to mend it.
    init(_ desk: Desk) throws(CommandError) {
        self.desk = desk
        let central = Central(loop: desk.loop)
        self.central = central
        try desk.catchInterrupts()
        central.start()
        do throws(CommandError) {
            try desk.turn(atMost: 5) { central.state != .asking }
            adapter = try Radio.adapter(of: central, named: desk.place.bluetooth?.adapter)
        } catch {
            central.stop()
            throw error
        }
    }

    private static func adapter(of central: Central, named name: String?) throws(CommandError) -> Adapter {
        switch central.state {
        case .ready: break
        case .asking: throw CommandError(.unavailable, "bluetoothd does not answer")
        case .noBus: throw CommandError(.unavailable, "there is no Bluetooth here: the system has no D-Bus, over which BlueZ is asked")
        case .noDaemon: throw CommandError(.unavailable, "there is no Bluetooth here: BlueZ's bluetoothd does not run (systemctl start bluetooth)")
        case .notAllowed: throw CommandError(.noPermission, "you may not use Bluetooth: D-Bus lets only root, the group bluetooth and who sits at the machine ask bluetoothd")
        case .refused(let error): throw CommandError(.unavailable, "bluetoothd gives no answer (\(printable(error)))")
        }
        let all = central.adapters.values.sorted { ($0.name.count, $0.name) < ($1.name.count, $1.name) }
        let candidates = all.filter { name == nil || $0.name == name }
        guard let adapter = candidates.first(where: \.isPowered) ?? candidates.first else {
            guard let name else { throw CommandError(.unavailable, "this machine has no Bluetooth adapter") }
            throw CommandError(.unavailable, all.isEmpty ? "this machine has no Bluetooth adapter" : "there is no adapter \(printable(name)); there is \(printable(all.map(\.name).joined(separator: ", ")))")
        }
        if adapter.isPowered { return adapter }
        if adapter.isBlocked || RadioSwitch.isOff(adapter.name) { throw CommandError(.unavailable, "the Bluetooth adapter \(adapter.name) is blocked (rfkill unblock bluetooth)") }
        throw CommandError(.unavailable, "the Bluetooth adapter \(adapter.name) is off (bluetoothctl power on)")
    }

    func stop() {
        for (_, link) in links { link.leave() }
        links = []
        central.stop()
    }

    // MARK: Who is there

    /// Listens for so long, or until somebody is heard who is enough.
    func listen(seconds: Double, until isEnough: (RadioDevice) -> Bool) throws(CommandError) {
        let central = central, path = adapter.path
        let progress = Progress("listening by Bluetooth")
        progress.show()
        defer { progress.clear() }
        var hasStarted = false, failure: LinkFailure?
        central.startScan(on: path) { (hasStarted, failure) = (true, $0) }
        try desk.turn(atMost: 10) { hasStarted }
        if let failure { throw CommandError(.unavailable, "cannot listen for devices: \(failure.description)") }
        // Who is connected is in range, and may be heard no more when that ends meanwhile.
        note(central.devices.values.filter { $0.path.hasPrefix(path + "/") && $0.isInRange })
        try desk.turn(atMost: seconds) { central.devices.values.contains { $0.path.hasPrefix(path + "/") && $0.isInRange && isEnough($0) } || !Radio.isOn(central, path) }
        guard Radio.isOn(central, path) else { throw CommandError(.unavailable, "the Bluetooth adapter \(adapter.name) is gone, or was switched off") }
        note(central.devices.values.filter { $0.path.hasPrefix(path + "/") && $0.isInRange })
        var hasStopped = false
        central.stopScan(on: path) { hasStopped = true }
        try desk.turn(atMost: 5) { hasStopped }
    }

    /// Ends what programs left that have ended, so that those devices are heard too.
    func endLeftovers() throws(CommandError) {
        let central = central, path = adapter.path
        guard links.isEmpty, !central.leftovers(on: path).isEmpty else { return }
        central.endLeftovers(on: path)
        try desk.turn(atMost: 4) { central.leftovers(on: path).isEmpty }
    }

    private static func isOn(_ central: Central, _ adapter: String) -> Bool { central.state == .ready && central.adapters[adapter]?.isPowered == true }

    private func note(_ devices: [RadioDevice]) {
        for device in devices {
            let before = heard.firstIndex { $0.device.path == device.path }
            let one = Heard(device: device, fingerprint: before.flatMap { heard[$0].fingerprint }, canBeClaimed: before.map { heard[$0].canBeClaimed } ?? false)
            if let before { heard[before] = one } else { heard.append(one) }
        }
        heard.sort { ($0.device.signalStrength ?? 0, $0.device.address) > ($1.device.signalStrength ?? 0, $1.device.address) }
    }

    /// Where a device may be, as far as advertisements can be believed, the likeliest first; empty: it was not heard.
    /// - Parameter others: who advertised the same and has turned out to be another one.
    func find(_ fingerprint: Fingerprint, except others: [PeerAddress]) throws(CommandError) -> [PeerAddress] {
        let identity = Array(fingerprint.octets.suffix(8))
        func candidates() -> [PeerAddress] {
            let proven = heard.filter { $0.fingerprint == fingerprint }, likely = heard.filter { $0.fingerprint == nil && $0.device.identity == identity }
            return (proven + likely).compactMap { Radio.address(of: $0.device) }.filter { !others.contains($0) }
        }
        let known = candidates()
        if !known.isEmpty { return known }
        // Who was searched for in vain is not searched for at once again.
        if let searched, desk.loop.now - searched < 5 * nanosecondsPerSecond { return [] }
        try listen(seconds: Radio.searchSeconds) { device in device.identity == identity && !others.contains { $0 == Radio.address(of: device) } }
        let found = candidates()
        if !found.isEmpty { return found }
        // Somebody who does not say who it is may be the one.
        for one in heard where one.device.identity == nil && one.fingerprint == nil { _ = try prepare(Radio.address(of: one.device)) }
        searched = desk.loop.now
        return candidates()
    }

    static func address(of device: RadioDevice) -> PeerAddress? { PeerAddress(bluetooth: device.address) }

    // MARK: Connections

    /// Connects to a device, unless it is connected, and reads what it is.
    func prepare(_ address: PeerAddress?) throws(CommandError) -> Result<NodeValue, LinkFailure> {
        guard let address else { return .failure(.notANode) }
        var result = try prepareOnce(address)
        if case .failure(let failure) = result, failure.mayBeStale, let link = link(to: address) {
            // The daemon may remember another device, or another table.
            var isForgotten = false
            link.forget { isForgotten = true }
            links.removeAll { $0.address == address }
            try desk.turn(atMost: 5) { isForgotten }
            heard.removeAll { Radio.address(of: $0.device) == address }
            try listen(seconds: Radio.searchSeconds) { Radio.address(of: $0) == address }
            result = try prepareOnce(address)
        }
        return result
    }

    private func prepareOnce(_ address: PeerAddress) throws(CommandError) -> Result<NodeValue, LinkFailure> {
        guard let link = link(to: address) ?? makeLink(to: address) else { return .failure(.lost) }
        var result: Result<NodeValue, LinkFailure>?
        let progress = Progress("connecting by Bluetooth")
        if !link.isUp { progress.show() }
        defer { progress.clear() }
        link.prepare { result = $0 }
        if try !desk.turn(atMost: Radio.connectSeconds, until: { result != nil }) { link.leave() }
        guard let index = heard.firstIndex(where: { Radio.address(of: $0.device) == address }), case .success(let node) = result else { return result ?? .failure(.tooSlow) }
        heard[index].fingerprint = node.fingerprint
        heard[index].canBeClaimed = node.canBeClaimed
        return .success(node)
    }

    func link(to address: PeerAddress) -> DeviceLink? { links.first { $0.address == address }?.link }

    private func makeLink(to address: PeerAddress) -> DeviceLink? {
        guard let one = heard.first(where: { Radio.address(of: $0.device) == address }) else { return nil }
        if links.count >= Radio.mostLinks { leave(links[0].address) }
        let link = DeviceLink(one.device.path, adapter: adapter.path, central: central, loop: desk.loop, usesChannel: desk.place.bluetooth?.usesChannel ?? true)
        links.append((address, link))
        return link
    }

    /// Ends the connection to a device.
    func leave(_ address: PeerAddress) {
        link(to: address)?.leave()
        links.removeAll { $0.address == address }
    }
}

/// The kernel's switches of radios: what rfkill(8) shows.
private enum RadioSwitch {
    /// Whether one keeps this adapter off. Before BlueZ 5.72 the daemon does not say so.
    static func isOff(_ adapter: String) -> Bool {
        let root = "/sys/class/rfkill"
        var isOff = false
        guard let directory = try? FileDescriptor.open(root, [.read, .directory]) else { return false }
        try? Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in
            func value(_ file: String) -> String { ((try? Files.read("\(root)/\(String(cString: name))/\(file)", limit: 4096)) ?? []).text.trimmed }
            if value("name") == adapter, value("soft") == "1" || value("hard") == "1" { isOff = true }
            return true
        }
        return isOff
    }
}

extension PeerAddress {
    /// A Bluetooth device, by its address. Six pairs of digits are no address of the Internet's: one of IPv6 with five colons has two beside each other.
    init?(bluetooth address: String) {
        self.init(host: Array(address.utf8), port: 1)
        if !isBluetooth { return nil }
    }

    /// Whether it is a Bluetooth device.
    package var isBluetooth: Bool {
        host.count == 17 && host.enumerated().allSatisfy { ($0.offset % 3 == 2) == ($0.element == 0x3A) }
    }

    /// For a person: a Bluetooth device has no port.
    package var words: Message { isBluetooth ? Message(octets: host) : description }
}
