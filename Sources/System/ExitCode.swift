/// Exit codes of every command, as in sysexits.h.
public enum ExitCode: Int32, Sendable {
    case success = 0
    /// The command line was wrong.
    case usage = 64
    /// Input data is wrong: a damaged account, a bad key file, a signature that does not verify.
    case dataError = 65
    /// An input file does not exist or cannot be read.
    case noInput = 66
    /// A service is not available: gpg is missing, the port is in use.
    case unavailable = 69
    /// A bug in maud.
    case software = 70
    /// The operating system failed us: no memory, no process.
    case systemError = 71
    /// A file cannot be created or written.
    case cannotCreate = 73
    /// Reading or writing failed: the disk is full or returns errors.
    case inputOutput = 74
    /// Try again: another process holds the lock.
    case temporary = 75
    /// Wrong passphrase, or permission denied.
    case noPermission = 77
    /// The configuration (board.json) is wrong.
    case configuration = 78
}

extension SystemError {
    /// The exit code for a failure to use a file for input.
    public var exitCode: ExitCode {
        switch code {
        case ErrorNumber.notFound, ErrorNumber.isDirectory, ErrorNumber.notDirectory, ErrorNumber.loop: .noInput
        case ErrorNumber.accessDenied, ErrorNumber.notPermitted: .noPermission
        case ErrorNumber.readOnly, ErrorNumber.nameTooLong, ErrorNumber.exists: .cannotCreate
        case ErrorNumber.noSpace, ErrorNumber.quota, ErrorNumber.inputOutput: .inputOutput
        case ErrorNumber.addressInUse, ErrorNumber.addressNotAvailable, ErrorNumber.familyNotSupported: .unavailable
        case ErrorNumber.messageSize: .dataError
        default: .systemError
        }
    }

    /// The same for output: what is not there cannot be made there.
    public var outputExitCode: ExitCode { exitCode == .noInput ? .cannotCreate : exitCode }
}
