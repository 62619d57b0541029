import CLinux
import EventLoop
import System

/// A small file of the state directory, replaced atomically and durably by the worker.
public final class StateFile {
    private let handle: OpaquePointer
    private let octets: [UInt8]
    private let path: String
    private let store: Store
    private var isSaving = false
    private var next: (() -> [UInt8])?
    private var written: [UInt8] = []

    /// Nil when the directory cannot be opened.
    public init?(directory: String, name: String, store: Store) {
        var handle: OpaquePointer?
        guard maud_store_directory_open(Files.currentDirectory, directory, &handle) == 0, let handle else { return nil }
        self.handle = handle
        self.octets = Array(name.utf8)
        self.path = directory + "/" + name
        self.store = store
    }

    deinit { maud_store_directory_close(handle) }

    /// What the file holds; nil when there is none, or it is larger than `limit`.
    public func read(limit: Int) -> [UInt8]? { try? Files.read(path, limit: limit) }

    /// Writes what `make` gives when its turn comes; while one writing is under way the last one asked for is next. The same content again is not
    /// written.
    public func save(_ make: @escaping () -> [UInt8]) {
        if isSaving {
            next = make
            return
        }
        let content = make()
        guard content != written, let job = job(content) else { return }
        isSaving = true
        let done = { [self] (isWritten: Bool) in
            if isWritten { written = content } else { note(job) }
            store.free(job)
            isSaving = false
            if let next {
                self.next = nil
                save(next)
            }
        }
        if !store.submit(job, completion: { done(job.pointee.outcome.error == 0) }) {
            store.free(job)
            isSaving = false
        }
    }

    /// Writes at once, after what is under way: blocks.
    public func saveNow(_ content: [UInt8]) {
        next = nil
        try? store.worker.drain()
        guard content != written, let job = job(content) else { return }
        ContentFile.run(job)
        if job.pointee.outcome.error == 0 { written = content } else { note(job) }
        store.free(job)
    }

    private func job(_ content: [UInt8]) -> UnsafeMutablePointer<maud_put>? {
        octets.withUnsafeBytes { name in
            content.withUnsafeBytes { maud_put_create(handle, name.baseAddress, name.count, $0.baseAddress, $0.count) }
        }
    }

    private func note(_ job: UnsafeMutablePointer<maud_put>) {
        var line = Log("state-not-written")
        line.field("file", path)
        line.field("error", SystemError(code: job.pointee.outcome.error, call: ContentFile.call(job.pointee.outcome.call)).description)
        line.write()
    }
}
