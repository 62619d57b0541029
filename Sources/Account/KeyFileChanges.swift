import CLinux
import EventLoop
import OpenPGP
import System

/// Changes to the files of friends' keys: done in order, each durable before the next begins, the first that fails ends them.
///
/// The corresponding C functions are `rename`, `fsync` and `renameat2` with RENAME_EXCHANGE.
final class KeyFileChanges {
    private let keys: OpaquePointer?
    private var code: Int32 = 0

    init(_ mau: MauDirectory) {
        keys = maud_keys_create(mau.path)
        if keys == nil { code = ErrorNumber.noMemory }
    }

    deinit { if let keys { maud_keys_free(keys) } }

    /// Puts a key file into a group (made when it is not there), or with nil into `.mau`; one that is there is replaced.
    /// - Parameter time: the file's time, nanoseconds since 1970; 0: now. Of two friends with the same subkey the earlier one has it.
    func write(_ message: [UInt8], _ fingerprint: Fingerprint, _ group: GroupName?, time: Int64) {
        add(fingerprint, group) { keys, group, name in message.withUnsafeBytes { maud_keys_write(keys, group, name, $0.baseAddress, $0.count, time) } }
    }

    func remove(_ fingerprint: Fingerprint, _ group: GroupName?) {
        add(fingerprint, group) { keys, group, name in maud_keys_remove(keys, group, name) }
    }

    /// Makes this the only key of a group, in one step: after a power cut it is the old group or the new one.
    func replace(_ group: GroupName, with message: [UInt8], _ fingerprint: Fingerprint) {
        add(fingerprint, group) { keys, group, name in message.withUnsafeBytes { maud_keys_replace(keys, group, name, $0.baseAddress, $0.count) } }
    }

    private func add(_ fingerprint: Fingerprint, _ group: GroupName?, _ body: (OpaquePointer, UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32) {
        guard let keys else { return }
        let directory = (group?.octets ?? []).text, name = "\(fingerprint.description).pgp"
        let result = directory.withCString { directory in name.withCString { body(keys, directory, $0) } }
        if result < 0, code == 0 { code = -result }
    }

    private var error: SystemError? {
        let failed = code != 0 ? code : keys.map { maud_keys_error($0) } ?? 0
        return failed == 0 ? nil : SystemError(code: failed, call: "write", subject: "a friend's key")
    }

    /// Does them at once: blocks.
    func run() throws(SystemError) {
        if code == 0, let keys, let job = maud_keys_job(keys) { job.pointee.run(job) }
        if let error { throw error }
    }

    /// Does them on the worker; `done` gets what failed.
    func run(on worker: Worker, done: @escaping (SystemError?) -> Void) {
        guard code == 0, let keys, let job = maud_keys_job(keys) else { return done(error) }
        do throws(SystemError) { try worker.submit(job) { done(self.error) } } catch { done(error) }
    }
}
