import CGPGME
import CLinux
import EventLoop
import OpenPGP
import System

/// Runs gpg, one process at a time, through GPGME's I/O callbacks on the event loop: nothing here blocks.
///
/// Operations wait in a queue of at most `Bounds.openPGPOperations`; beyond that `submit` throws `.busy`. GPGME never
/// runs gpgconf or gpgsm: gpg's path is found here, and one context is reused.
final class Engine {
    let loop: EventLoop
    /// The time of signatures.
    let clock: NodeClock
    let home: String
    /// The passphrase of the secret keys in the home; nil when they have none.
    var keyPassphrase: LockedMemory?
    /// Signs everything.
    var signingKey: Fingerprint?
    /// The operation that gpg works on.
    private(set) var current: Operation?

    let ioCallbacks = UnsafeMutablePointer<gpgme_io_cbs>.allocate(capacity: 1)
    private var context: gpgme_ctx_t?
    private var waiting: [Operation] = []
    private var result: UInt32?
    private var writtenConfiguration: [UInt8] = []
    private var timeout: Timer?

    /// - Parameter home: GnuPG's home directory, in memory, that no other process uses.
    init(home: String, loop: EventLoop, clock: NodeClock) throws(GnuPGError) {
        self.home = home
        self.loop = loop
        self.clock = clock
        ioCallbacks.initialize(to: gpgme_io_cbs())
        let program = try Engine.program()
        do throws(SystemError) {
            try Files.write(Array(Configuration.agent), to: "\(home)/gpg-agent.conf")
            if try Files.status("\(home)/trustdb.gpg") == nil { try Files.write(Configuration.trustDatabase, to: "\(home)/trustdb.gpg") }
        } catch { throw .system(error) }
        guard Engine.isInitialized else { throw .unsupported }
        try require(gpgme_new(&context))
        guard let context else { throw .system(SystemError(code: ErrorNumber.noMemory, call: "gpgme_new")) }
        try require(gpgme_ctx_set_engine_info(context, GPGME_PROTOCOL_OpenPGP, program, home))
        connect(context)
        timeout = Timer { [unowned(unsafe) self] in
            isDone(GPG_ERR_TIMEOUT.rawValue)
            if let context = self.context { gpgme_cancel(context) }
            finishIfDone()
        }
    }

    deinit {
        if let timeout { loop.cancel(timeout) }
        gpgme_release(context)
        ioCallbacks.deallocate()
    }

    /// GPGME's own initialization, once a process. Without gpgconf it takes the first gpg of PATH and starts nothing but
    /// `gpg --version`.
    private static let isInitialized: Bool = {
        gpgme_set_global_flag("disable-gpgconf", "1")
        return gpgme_check_version(nil) != nil
    }()

    /// The absolute path of the first executable `gpg` in PATH.
    private static func program() throws(GnuPGError) -> String {
        let path = maud_environment("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        for directory in Array(path.utf8).split(separator: 0x3A) where directory.first == 0x2F {
            let candidate = "\(Array(directory).text)/gpg"
            if let status = try? Files.status(candidate), status.kind == UInt32(MAUD_FILE_REGULAR), status.mode & 0o111 != 0 { return candidate }
        }
        throw .programMissing
    }

    private func require(_ code: gpgme_error_t) throws(GnuPGError) {
        if code != 0 { throw .engine(code: code) }
    }

    // MARK: The queue

    /// Operations that wait or run.
    var count: Int { waiting.count + (current == nil ? 0 : 1) }

    /// Queues an operation behind the others.
    func submit(_ operation: Operation) throws(GnuPGError) {
        if count >= Bounds.openPGPOperations { throw .busy }
        waiting.append(operation)
        startNext()
    }

    /// Queues the next step of an operation that already had its place: it goes first and is never refused.
    func proceed(_ operation: Operation) {
        waiting.insert(operation, at: 0)
        startNext()
    }

    private func startNext() {
        while current == nil, !waiting.isEmpty {
            let operation = waiting.removeFirst()
            current = operation
            result = nil
            guard let context, operation.source.handle != nil, operation.sink.handle != nil, configure(for: operation) else {
                isDone(GPG_ERR_ENOMEM.rawValue)
                finishIfDone()
                continue
            }
            if let timeout { loop.schedule(timeout, after: Int64(operation.seconds) * nanosecondsPerSecond) }
            let code = operation.start(context, operation)
            if code != 0 { isDone(code) }
            finishIfDone()
        }
    }

    /// Notes that the current operation is over; GPGME still stands on the stack then.
    func isDone(_ code: UInt32) {
        if result == nil { result = code }
    }

    /// Hands over the result once GPGME has returned.
    func finishIfDone() {
        guard let code = result, let operation = current else { return }
        result = nil
        if let timeout { loop.cancel(timeout) }
        // GPGME only stops listening to it. A gpg that says nothing, because somebody's message becomes gigabytes that are no content, would go on.
        if code == GPG_ERR_TIMEOUT.rawValue || operation.sink.isOverfull { maud_end_gpg(home) }
        current = nil
        operation.finish(operation, code & 0xFFFF)
        startNext()
    }

    // MARK: gpg.conf

    /// Seconds since 1970 that gpg must take for now; nil when the system's clock is right for a signature.
    private func fakedTime() -> Int64? {
        let time = clock.signatureTime / nanosecondsPerSecond
        return clock.state == .unset || time > clock.now / nanosecondsPerSecond ? time : nil
    }

    /// Writes gpg.conf when this operation needs another one than the last. False when it cannot be written.
    private func configure(for operation: Operation) -> Bool {
        let purpose: Configuration.Purpose = switch operation.purpose {
        case .signing: .signing(at: fakedTime())
        case .reading: .reading
        case .encrypting: .encrypting
        }
        let text = Configuration.text(for: purpose, signingKey: signingKey?.hexadecimal, derivationCount: operation.derivationCount)
        if text == writtenConfiguration { return true }
        writtenConfiguration = []
        guard (try? Files.write(text, to: "\(home)/gpg.conf")) != nil else { return false }
        writtenConfiguration = text
        return true
    }
}
