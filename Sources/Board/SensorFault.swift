import CLinux
import System

/// Why there is no value, with what a person needs to mend it. `fault` is the part that is published.
public enum SensorFault: Error, Equatable, Sendable {
    /// What is to be read is not there.
    case sourceMissing
    /// The node may not read it.
    case accessDenied
    /// Reading failed with this error number.
    case sourceFailed(Int32)
    /// What was read does not begin with a number.
    case malformedValue
    /// The command printed more than `Bounds.readingText` octets.
    case tooMuchOutput
    /// The value is outside the sensor's declared range, or of any that can be published.
    case outOfRange
    /// There was no answer within so many seconds.
    case timedOut(Int)
    /// The command exited with this status (1...255).
    case exited(Int)
    /// The command was ended by this signal.
    case killed(Int)

    /// From the error number of open, read or ioctl.
    init(errorNumber: Int32) {
        switch errorNumber {
        case ErrorNumber.notFound, ErrorNumber.notDirectory, ErrorNumber.noDevice, ErrorNumber.noDeviceOrAddress: self = .sourceMissing
        case ErrorNumber.accessDenied, ErrorNumber.notPermitted: self = .accessDenied
        default: self = .sourceFailed(errorNumber)
        }
    }

    /// The term of the vocabulary.
    public var fault: Fault {
        switch self {
        case .sourceMissing: .sourceMissing
        case .accessDenied: .accessDenied
        case .sourceFailed: .sourceFailed
        case .malformedValue, .tooMuchOutput: .malformedValue
        case .outOfRange: .outOfRange
        case .timedOut: .timedOut
        case .exited, .killed: .commandFailed
        }
    }

    /// The same for an actuator: "cannot be set: Permission denied".
    public var settingDescription: Message {
        switch self {
        case .accessDenied: "cannot be set: Permission denied"
        case .sourceFailed(let code): "cannot be set: \(Message(cString: maud_error_text(code)))"
        case .outOfRange: "cannot be written as a number"
        default: description
        }
    }

    /// One clause that goes on from the sensor's name: "is not present".
    public var description: Message {
        switch self {
        case .sourceMissing: "is not present"
        case .accessDenied: "cannot be read: Permission denied"
        case .sourceFailed(let code): "cannot be read: \(Message(cString: maud_error_text(code)))"
        case .malformedValue: "gave something that is not a number"
        case .tooMuchOutput: "printed more than \(Bounds.readingText) octets"
        case .outOfRange: "is out of its declared range"
        case .timedOut(let seconds): "did not answer within \(seconds) s"
        case .exited(let status): "exited with status \(status)"
        case .killed(let signal): "was ended by signal \(signal)"
        }
    }
}
