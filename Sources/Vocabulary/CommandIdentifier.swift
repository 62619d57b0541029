import System

/// What a command is known by, together with who signed it: 128 random bits.
public struct CommandIdentifier: Equatable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public static let digits = 32

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses exactly 32 lower-case hexadecimal digits: one identifier has one form.
    public init?(hexadecimal digits: some Collection<UInt8>) {
        guard digits.count == CommandIdentifier.digits else { return nil }
        var high: UInt64 = 0, low: UInt64 = 0
        for digit in digits {
            guard let value = hexadecimalValue(digit), digit < 0x41 || digit > 0x46 else { return nil }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(value)
        }
        self.init(high: high, low: low)
    }

    /// 32 lower-case hexadecimal digits.
    public var hexadecimal: [UInt8] {
        var out: [UInt8] = []
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { out.append(hexadecimal: $0) }
        return out
    }

    /// The name of the answer: `a-<identifier>.json.pgp`.
    public var answerName: [UInt8] { Array<UInt8>("a-") + hexadecimal + Array<UInt8>(".json.pgp") }

    /// The identifier in an answer's name; nil for any other name.
    public init?(answerName name: some Collection<UInt8>) {
        let octets = Array(name)
        guard octets.count == 2 + CommandIdentifier.digits + 9, octets.starts(with: Array<UInt8>("a-")), octets.suffix(9).elementsEqual(Array<UInt8>(".json.pgp")) else {
            return nil
        }
        self.init(hexadecimal: octets[2..<2 + CommandIdentifier.digits])
    }
}

/// Why a command was not carried out: a term of the vocabulary (class CommandFault). The numbers are those of the ledger.
public enum CommandFault: UInt8, Error, Sendable {
    case wrongDevice = 1
    case notController = 2
    case unknownTarget = 3
    case outOfLimits = 4
    case reordered = 5
    case outsideWindow = 6
    case expired = 7
    case clockNotSet = 8
    case ledgerLost = 9
    case interrupted = 10
    case actuatorFailed = 11
    case noSuchController = 12
    case lastController = 13
    case noSuchFriend = 14
    case badKey = 15
    case unusableKey = 16
    case sharedSubkey = 17
    case ownKey = 18
    case tooManyFriends = 19
    case notStored = 20

    /// The name in documents.
    public var term: StaticString {
        switch self {
        case .wrongDevice: "wrong-device"
        case .notController: "not-controller"
        case .unknownTarget: "unknown-target"
        case .outOfLimits: "out-of-limits"
        case .reordered: "reordered"
        case .outsideWindow: "outside-window"
        case .expired: "expired"
        case .clockNotSet: "clock-not-set"
        case .ledgerLost: "ledger-lost"
        case .interrupted: "interrupted"
        case .actuatorFailed: "actuator-failed"
        case .noSuchController: "no-such-controller"
        case .lastController: "last-controller"
        case .noSuchFriend: "no-such-friend"
        case .badKey: "bad-key"
        case .unusableKey: "unusable-key"
        case .sharedSubkey: "shared-subkey"
        case .ownKey: "own-key"
        case .tooManyFriends: "too-many-friends"
        case .notStored: "not-stored"
        }
    }

    /// One sentence for the person who commanded.
    public var sentence: StaticString {
        switch self {
        case .wrongDevice: "The command is for another device."
        case .notController: "Its sender is not in the group controllers."
        case .unknownTarget: "There is no actuator of that name."
        case .outOfLimits: "The value is outside the actuator's limits or between its steps."
        case .reordered: "A command with the same or a later startTime was carried out already."
        case .outsideWindow: "Its startTime is too far from the device's time."
        case .expired: "Its endTime has passed."
        case .clockNotSet: "The device's clock is not set: name a challenge of this boot that was not used."
        case .ledgerLost: "By its times this may have been carried out before, and the device cannot tell any more: sign it anew, with a challenge."
        case .interrupted: "The device stopped while it carried the command out. An actuator is in its safe state; of controllers either all was changed or nothing."
        case .actuatorFailed: "The actuator could not be set; it is in its safe state, or will be."
        case .noSuchController: "The key is not in the group controllers."
        case .lastController: "It is the last controller whose key can be used: without it nobody could command the device. Hand the device over instead."
        case .noSuchFriend: "The key is not a friend's."
        case .badKey: "It is not exactly one public OpenPGP key of version 4 with the fingerprint that the command names."
        case .unusableKey: "The key was revoked, has expired, or lacks a key to sign or to encrypt to."
        case .sharedSubkey: "The key carries an encryption subkey of another friend or of the device, and would get that one's files."
        case .ownKey: "The key is the device's own."
        case .tooManyFriends: "The device has no room for another friend."
        case .notStored: "The change could not be written; who may command is as before."
        }
    }
}
