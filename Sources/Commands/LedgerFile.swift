import CLinux
import EventLoop
import System

/// The ledger's file, `<state>/ledger`: read at start, then replaced by the worker, durably.
public final class LedgerFile {
    private static let name: [UInt8] = Array("ledger")
    private let directory: OpaquePointer
    /// Nil: written at once, by whoever calls.
    private let worker: Worker?

    /// - Parameter state: the state directory, which must exist.
    public init(state: String, worker: Worker?) throws(SystemError) {
        var handle: OpaquePointer?
        _ = try check(maud_store_directory_open(Files.currentDirectory, state, &handle), "open", state)
        guard let handle else { throw SystemError(code: ErrorNumber.noMemory, call: "malloc") }
        directory = handle
        self.worker = worker
    }

    deinit { maud_store_directory_close(directory) }

    /// The octets of the file; nil when it is not there or cannot be read: lost, either way.
    public func read() -> [UInt8]? {
        do throws(SystemError) {
            return try Files.read(LedgerFile.name.text, limit: LedgerContents.sizeLimit, in: maud_store_directory_descriptor(directory))
        } catch {
            if error.code != ErrorNumber.notFound {
                var log = Log("ledger-not-readable")
                log.field("reason", error.description)
                log.write()
            }
            return nil
        }
    }

    /// Replaces the file: a temporary one, fsync, rename, fsync of the directory.
    public func write(_ octets: [UInt8], _ done: @escaping (SystemError?) -> Void) {
        let job = LedgerFile.name.withUnsafeBytes { name in
            octets.withUnsafeBytes { maud_put_create(directory, name.baseAddress, name.count, $0.baseAddress, $0.count) }
        }
        guard let job else { return done(SystemError(code: ErrorNumber.noMemory, call: "malloc", subject: "ledger")) }
        job.pointee.now = maud_realtime()
        let raw = UnsafeMutableRawPointer(job).assumingMemoryBound(to: maud_job.self)
        let finish = {
            let error = job.pointee.outcome.error
            maud_store_free(raw)
            done(error == 0 ? nil : SystemError(code: error, call: "write", subject: "ledger"))
        }
        guard let worker else {
            raw.pointee.run(raw)
            return finish()
        }
        do throws(SystemError) { try worker.submit(raw, completion: finish) } catch {
            maud_store_free(raw)
            done(error)
        }
    }
}
