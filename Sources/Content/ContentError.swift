import System

/// Why the content store could not do what it was asked.
public enum ContentError: Error {
    /// An immutable file of that name is there already.
    case exists(FileName)
    /// The disk or the user's quota is full: free something and try again.
    case noSpace(SystemError)
    /// The directory holds as many files as it may: remove some and try again.
    case directoryFull(limit: Int)
    /// The file is larger than any may be.
    case tooLarge(limit: Int)
    /// The name leaves no room for `.versions`, so the content that is there could not be kept.
    case nameTooLong(FileName)
    /// The store has not read its directory yet, or was stopped.
    case notReady
    /// Too much is being written at once: try again when some of it is done.
    case busy
    /// Any other failure of the system.
    case system(SystemError)

    /// A failed job of the worker.
    init(_ error: Int32, _ call: StaticString, _ name: FileName) {
        if error == ErrorNumber.exists { self = .exists(name) } else {
            self.init(SystemError(code: error, call: call, subject: name.description))
        }
    }

    /// A failed system call: a full disk is told apart, because something can be done about it.
    init(_ error: SystemError) {
        switch error.code {
        case ErrorNumber.noSpace, ErrorNumber.quota: self = .noSpace(error)
        default: self = .system(error)
        }
    }

    /// One clear clause for a person.
    public var description: Message {
        switch self {
        case .exists(let name): "\(name.octets) exists already and never changes"
        case .noSpace(let error): "no space left: \(error.description)"
        case .directoryFull(let limit): "the directory holds \(limit) files, as many as it may"
        case .tooLarge(let limit): "the file is larger than \(limit) octets"
        case .nameTooLong(let name):
            "the file is there and cannot be replaced: its name has \(name.octets.count) octets, and only \(Bounds.versionedNameLength) leave room for .versions, where its content would be kept"
        case .notReady: "the content store is not ready"
        case .busy: "too many files are being written at once"
        case .system(let error): error.description
        }
    }

    public var exitCode: ExitCode {
        switch self {
        case .exists: .cannotCreate
        case .noSpace: .inputOutput
        case .directoryFull, .tooLarge: .dataError
        case .nameTooLong: .cannotCreate
        case .notReady, .busy: .temporary
        case .system(let error): error.exitCode
        }
    }
}
