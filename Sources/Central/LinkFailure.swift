import System

/// Why a device could not be reached by Bluetooth.
public enum LinkFailure: Error {
    /// The connection could not be made; the daemon's words.
    case notConnected(String)
    /// It was there and is not any more.
    case lost
    /// Another program on this machine has its stream.
    case inUse
    /// What the daemon remembers of the device, or the device itself, is no node of this version.
    case notANode
    case tooSlow
    /// The daemon refused something; its words.
    case refused(String)
    case system(SystemError)

    /// Looking for the device anew, with nothing remembered, may help.
    public var mayBeStale: Bool { if case .notANode = self { true } else { false } }

    /// One clause for a person.
    public var description: Message {
        switch self {
        case .notConnected(let words): "no connection by Bluetooth could be made (\(words))"
        case .lost: "the connection by Bluetooth was lost"
        case .inUse: "another program on this computer is using it by Bluetooth"
        case .notANode: "it is no Mau device that this version knows"
        case .tooSlow: "it does not answer by Bluetooth in time"
        case .refused(let words): "bluetoothd does not let it be used (\(words))"
        case .system(let error): error.description
        }
    }
}
