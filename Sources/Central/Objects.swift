import CCentral

/// A Bluetooth adapter of this machine.
public struct Adapter: Equatable, Sendable {
    public let path: String
    public private(set) var address = ""
    public private(set) var isPowered = false
    /// Off, and rfkill keeps it off, as far as the daemon says (BlueZ 5.72).
    public private(set) var isBlocked = false
    private(set) var isRandom = false

    init(path: String) { self.path = path }

    /// "hci0"
    public var name: String { lastComponent(path) }

    mutating func take(_ event: maud_central_event) {
        if event.tells(MAUD_CENTRAL_ADDRESS), let text = event.address { address = String(cString: text) }
        if event.tells(MAUD_CENTRAL_RANDOM) { isRandom = event.is_random }
        if event.tells(MAUD_CENTRAL_POWERED) { isPowered = event.is_powered }
        if event.tells(MAUD_CENTRAL_BLOCKED) { isBlocked = event.is_blocked }
    }
}

/// A device that the daemon knows. Most of them are somewhere else: those that are heard have a signal strength.
public struct RadioDevice: Equatable, Sendable {
    public let path: String
    /// "AA:BB:CC:DD:EE:FF"
    public private(set) var address = ""
    /// In dBm; nil: it is not heard now.
    public private(set) var signalStrength: Int?
    /// The last 8 octets of its fingerprint, as it advertises them: a hint and no proof.
    public private(set) var identity: [UInt8]?
    public private(set) var isConnected = false
    private(set) var isRandom = false
    private(set) var isResolved = false
    private(set) var isNode = false

    init(path: String) { self.path = path }

    /// It advertises the service now, or is connected and has it.
    public var isInRange: Bool { isNode && (signalStrength != nil || isConnected) }

    mutating func take(_ event: maud_central_event) {
        if event.tells(MAUD_CENTRAL_ADDRESS), let text = event.address { address = String(cString: text) }
        if event.tells(MAUD_CENTRAL_RANDOM) { isRandom = event.is_random }
        if event.tells(MAUD_CENTRAL_RSSI) { signalStrength = event.rssi == 0 ? nil : Int(event.rssi) }
        if event.tells(MAUD_CENTRAL_CONNECTED) { isConnected = event.is_connected }
        if event.tells(MAUD_CENTRAL_RESOLVED) { isResolved = event.is_resolved }
        if event.tells(MAUD_CENTRAL_IDENTITY) { identity = withUnsafeBytes(of: event.identity) { Array($0) } }
        if event.is_node { isNode = true }
    }
}

/// A characteristic of a connected device.
struct Characteristic {
    let path: String
    private(set) var uuid = ""
    /// Another program on this machine has a descriptor of it.
    private(set) var isInUse = false
    /// Of the attribute protocol; nil before BlueZ 5.62.
    private(set) var mtu: Int?

    init(path: String) { self.path = path }

    mutating func take(_ event: maud_central_event) {
        if event.tells(MAUD_CENTRAL_UUID), let text = event.uuid { uuid = String(cString: text).lowercased() }
        if event.tells(MAUD_CENTRAL_IN_USE) { isInUse = event.is_in_use }
        if event.tells(MAUD_CENTRAL_MTU) { mtu = Int(event.mtu) }
    }
}

extension maud_central_event {
    fileprivate func tells(_ property: maud_central_property) -> Bool { has & property.rawValue != 0 }
}

func lastComponent(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
