import System

/// What a command asks for (docs/vocabulary.md, part 5). The numbers are those of the ledger.
public enum CommandKind: UInt8, Sendable {
    /// To set an actuator.
    case set = 0
    /// To let one more key command the device, or one fewer.
    case addController = 1
    case removeController = 2
    /// To let one key command it in place of all others.
    case handOver = 3
    /// To take over what is new in a friend's key.
    case renewKey = 4

    /// The type in documents.
    public var term: StaticString {
        switch self {
        case .set: "Command"
        case .addController: "AddController"
        case .removeController: "RemoveController"
        case .handOver: "HandOver"
        case .renewKey: "RenewKey"
        }
    }

    public init?(term: [UInt8]) {
        for number in 0...CommandKind.renewKey.rawValue {
            guard let kind = CommandKind(rawValue: number), Array<UInt8>(kind.term) == term else { continue }
            self = kind
            return
        }
        return nil
    }

    /// A key travels in it.
    public var carriesKey: Bool { self != .set && self != .removeController }
}
