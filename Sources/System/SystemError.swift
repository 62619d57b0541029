import CLinux

/// A system call that failed: which, why, and on what.
public struct SystemError: Error {
    /// The error number, positive (errno(3)).
    public let code: Int32
    /// The name of the system call.
    public let call: StaticString
    /// The file or address it was about; empty when there is none.
    public let subject: String

    public init(code: Int32, call: StaticString, subject: String = "") {
        self.code = code
        self.call = call
        self.subject = subject
    }

    /// EMSGSIZE: there is more to read than may be. The subject is the whole clause, because a field more would cost every
    /// place that throws.
    @inline(never)
    public static func tooLarge(_ subject: String, limit: Int) -> SystemError {
        SystemError(code: ErrorNumber.messageSize, call: "read", subject: ("\(subject) is larger than \(limit) octets" as Message).text)
    }

    /// One clause for a person: "cannot open /x/y: Permission denied".
    @inline(never)
    public var description: Message {
        if code == ErrorNumber.messageSize { return Message(subject) }
        let reason = Message(cString: maud_error_text(code))
        return subject.utf8.isEmpty ? "\(call): \(reason)" : "\(call) \(subject): \(reason)"
    }
}

/// Error numbers that the code decides on (errno(3), the same on every Linux architecture we build for).
public enum ErrorNumber {
    public static let notPermitted: Int32 = 1      // EPERM
    public static let notFound: Int32 = 2          // ENOENT
    public static let interrupted: Int32 = 4       // EINTR
    public static let inputOutput: Int32 = 5       // EIO
    public static let again: Int32 = 11            // EAGAIN, EWOULDBLOCK
    public static let noDeviceOrAddress: Int32 = 6 // ENXIO
    public static let noMemory: Int32 = 12         // ENOMEM
    public static let accessDenied: Int32 = 13     // EACCES
    public static let exists: Int32 = 17           // EEXIST
    public static let noDevice: Int32 = 19         // ENODEV
    public static let notDirectory: Int32 = 20     // ENOTDIR
    public static let isDirectory: Int32 = 21      // EISDIR
    public static let invalid: Int32 = 22          // EINVAL
    public static let processFiles: Int32 = 24     // EMFILE
    public static let systemFiles: Int32 = 23      // ENFILE
    public static let noSpace: Int32 = 28          // ENOSPC
    public static let readOnly: Int32 = 30         // EROFS
    public static let nameTooLong: Int32 = 36      // ENAMETOOLONG
    public static let loop: Int32 = 40             // ELOOP
    public static let badMessage: Int32 = 74       // EBADMSG
    public static let messageSize: Int32 = 90      // EMSGSIZE
    public static let addressInUse: Int32 = 98     // EADDRINUSE
    public static let familyNotSupported: Int32 = 97 // EAFNOSUPPORT
    public static let addressNotAvailable: Int32 = 99 // EADDRNOTAVAIL
    public static let connectionRefused: Int32 = 111 // ECONNREFUSED
    public static let quota: Int32 = 122           // EDQUOT
}

/// Turns the result of a CLinux function (a value >= 0 or -errno) into a value or a thrown `SystemError`.
@inline(__always)
public func check<Value: SignedInteger & FixedWidthInteger>(
    _ result: Value, _ call: StaticString, _ subject: @autoclosure () -> String = ""
) throws(SystemError) -> Value {
    if result < 0 { throw SystemError(code: Int32(truncatingIfNeeded: -result), call: call, subject: subject()) }
    return result
}
