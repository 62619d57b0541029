/// Why a reading has no value: the individuals of the vocabulary's class `Fault`.
public enum Fault: UInt8, Error, Equatable, Sendable {
    /// What is to be read does not exist (any more).
    case sourceMissing
    /// The node may not read it.
    case accessDenied
    /// Reading failed.
    case sourceFailed
    /// It gave something that is not a number.
    case malformedValue
    /// The value is outside the sensor's declared range.
    case outOfRange
    /// It took too long.
    case timedOut
    /// The command ended with an error.
    case commandFailed

    /// The term of the vocabulary.
    public var term: StaticString {
        switch self {
        case .sourceMissing: "sourceMissing"
        case .accessDenied: "accessDenied"
        case .sourceFailed: "sourceFailed"
        case .malformedValue: "malformedValue"
        case .outOfRange: "outOfRange"
        case .timedOut: "timedOut"
        case .commandFailed: "commandFailed"
        }
    }
}

/// One reading of a sensor: a value or the reason why there is none, and when.
public struct Reading: Sendable {
    /// The value x 10^decimals of the sensor.
    public let result: Result<Int64, Fault>
    /// Nanoseconds since 1970, or nil when the clock was not set.
    public let time: Int64?
    /// Nanoseconds since boot.
    public let sinceBoot: Int64

    public init(result: Result<Int64, Fault>, time: Int64?, sinceBoot: Int64) {
        self.result = result
        self.time = time
        self.sinceBoot = sinceBoot
    }
}
