import CLinux
import EventLoop
import OpenPGP
import System

/// A file that arrives, on its way into a friend's directory: `.maud-<sha256>.part`, which no peer sees.
///
/// The worker writes and hashes while the next octets fill the other of two buffers. What has arrived outlives the connection and the
/// process. `Store.install` makes it a file; before that, someone has verified it. One step at a time; completions come later, on the loop.
public final class Download {
    public let size: Int64
    public let sum: SHA256Sum
    let directory: Directory
    let job: UnsafeMutablePointer<maud_receive>
    private let store: Store
    private var filling: UnsafeMutableRawBufferPointer
    private var writing: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var isWorking = false
    private var failure: SystemError?
    private var waiting: (() -> Void)?
    private var retry: Timer?
    /// Called when there is room again, or writing has failed.
    public var hasRoom: (() -> Void)?

    /// Nil without memory.
    ///
    /// - Parameters:
    ///   - size: octets that the file will have.
    ///   - sum: what they must be.
    public init?(_ directory: Directory, size: Int64, sum: SHA256Sum, store: Store) {
        guard let job = sum.withBytes({ maud_receive_create(directory.handle, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), size) }) else { return nil }
        self.job = job
        self.directory = directory
        self.size = size
        self.sum = sum
        self.store = store
        filling = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        writing = filling
    }

    deinit {
        maud_receive_free(job)
        releaseBuffers()
    }

    private func releaseBuffers() {
        filling.deallocate()
        writing.deallocate()
        filling = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        writing = filling
    }

    /// Octets that have arrived.
    public private(set) var offset: Int64 = 0
    /// Open for reading once `finish` has succeeded.
    public var descriptor: Int32 { job.pointee.descriptor }

    // MARK: Steps

    /// Opens the file and hashes what an earlier attempt has brought; `offset` tells how much that is.
    ///
    /// - Parameter clean: removes other unfinished files of the directory; for the first one after a start.
    public func begin(clean: Bool, completion: @escaping (SystemError?) -> Void) {
        job.pointee.clean = clean
        run(MAUD_RECEIVE_BEGIN) { [self] error in
            offset = job.pointee.offset
            completion(error)
        }
    }

    /// Throws away what has arrived.
    public func restart(completion: @escaping (SystemError?) -> Void) {
        offset = 0
        whenIdle { [self] in run(MAUD_RECEIVE_RESTART, completion) }
    }

    /// Octets that `append` takes now.
    ///
    /// After a failure it only seems to take some: so that whoever waits for room comes and sees.
    public var room: Int { failure != nil ? Bounds.syncBuffer : filling.count > 0 ? filling.count - filled : Bounds.syncBuffer }

    /// Takes octets. False when they are more than there is room for, more than the file has, or when writing has failed.
    public func append(_ octets: UnsafeRawBufferPointer) -> Bool {
        guard failure == nil, Int64(octets.count) <= size - offset, octets.count <= room else { return false }
        if filling.count == 0 {
            filling = .allocate(byteCount: Bounds.syncBuffer, alignment: 16)
            writing = .allocate(byteCount: Bounds.syncBuffer, alignment: 16)
        }
        UnsafeMutableRawBufferPointer(rebasing: filling[filled...]).copyMemory(from: octets)
        filled += octets.count
        offset += Int64(octets.count)
        if !isWorking, filled * 2 >= filling.count { write() }
        return true
    }

    /// Ends it: EBADMSG when the file is not what `size` and `sum` say; then it is gone.
    public func finish(completion: @escaping (SystemError?) -> Void) {
        flush { [self] error in
            releaseBuffers()
            if let error { completion(error) } else { run(MAUD_RECEIVE_FINISH, completion) }
        }
    }

    /// Writes what has arrived, so that another attempt can go on there.
    public func flush(completion: @escaping (SystemError?) -> Void) {
        if isWorking || (filled > 0 && failure == nil) {
            waiting = { [self] in flush(completion: completion) }
            if !isWorking { write() }
        } else { completion(failure) }
    }

    /// Removes the file: it is not what it should be.
    public func remove(completion: @escaping () -> Void) {
        whenIdle { [self] in run(MAUD_RECEIVE_REMOVE) { _ in completion() } }
    }

    /// Forgets what was not written yet, and goes on when the worker is not busy with this.
    private func whenIdle(_ next: @escaping () -> Void) {
        filled = 0
        if isWorking { waiting = next } else { next() }
    }

    // MARK: The worker

    private func write() {
        swap(&filling, &writing)
        job.pointee.octets = UnsafePointer(writing.baseAddress?.assumingMemoryBound(to: UInt8.self))
        job.pointee.count = filled
        filled = 0
        run(MAUD_RECEIVE_APPEND) { [self] error in
            job.pointee.count = 0
            if failure == nil { failure = error }
            if let waiting {
                self.waiting = nil
                waiting()
            } else if failure == nil, filled * 2 >= filling.count, filled > 0 { write() }
            hasRoom?()
        }
    }

    private func run(_ step: maud_receive_step, _ completion: @escaping (SystemError?) -> Void) {
        job.pointee.step = step
        isWorking = true
        submit { [self] in
            isWorking = false
            let outcome = job.pointee.outcome
            completion(outcome.error == 0 ? nil : SystemError(code: outcome.error, call: ContentFile.call(outcome.call)))
        }
    }

    /// A worker with too much to do is asked again.
    private func submit(_ completion: @escaping () -> Void) {
        do throws(SystemError) {
            try store.worker.submit(UnsafeMutableRawPointer(job).assumingMemoryBound(to: maud_job.self), completion: completion)
        } catch {
            let timer = Timer { [self] in
                retry = nil
                submit(completion)
            }
            retry = timer
            store.loop.schedule(timer, after: 20_000_000)
        }
    }
}

extension Directory {
    /// What the index knows of a file that need not be visible: its SHA-256; nil when there is none, or none that was examined.
    public func knownSum(of name: FileName) -> SHA256Sum? {
        guard let index = name.octets.withUnsafeBytes({ files.find($0) }), files[index].pointee.audience != Audiences.unknown else { return nil }
        return files[index].pointee.sum
    }

    /// Files, visible or not.
    public var totalCount: Int { files.count }

    /// Whether the directory is not followed any more.
    public var isForgotten: Bool { isGone }

    /// Octets free on the directory's disk; nil when the system does not say.
    public var freeOctets: Int64? {
        var space = maud_space()
        guard maud_space(descriptor, &space) == 0 else { return nil }
        return Int64(clamping: space.free_octets)
    }
}

extension Store {
    /// Makes a download a file of its directory, as `put` does with octets: durably, newer than every file there, the one that it replaces
    /// kept as a version. After a failure the download is there still, and can be installed again.
    ///
    /// - Parameters:
    ///   - download: finished, and verified.
    ///   - classification: who may see it.
    public func install(_ download: Download, as name: FileName, _ classification: Classification, completion: @escaping (Result<Entry, ContentError>) -> Void) {
        let directory = download.directory
        guard isReady, !isStopped, directory.isScanned, !directory.isGone else { return completion(.failure(.notReady)) }
        let known = name.octets.withUnsafeBytes { directory.files.find($0) }
        guard known != nil || directory.files.count < limits.files else { return completion(.failure(.directoryFull(limit: limits.files))) }
        guard let job = ContentFile.job(directory.handle, name, []) else {
            return completion(.failure(.system(SystemError(code: ErrorNumber.noMemory, call: "malloc"))))
        }
        job.pointee.received = UnsafePointer(maud_receive_name(download.job))
        Store.set(&job.pointee.sum, to: download.sum)
        job.pointee.keep_version = true
        ContentFile.set(limits, in: job)
        job.pointee.now = clock.now
        let isUnset = clock.state == .unset
        if let known { describe(directory.files[known], in: job) }
        beginWrite()
        let taken = submit(job) { [unowned(unsafe) self] in
            let result = directory.isGone ? .failure(.notReady) : written(directory, name, job, classification)
            if isUnset, case .success(let entry) = result { noteUnset(entry.modificationTime) }
            free(job)
            endWrite()
            // The download's name belongs to the job up to here.
            withExtendedLifetime(download) { completion(result) }
            pump()
        }
        guard !taken else { return }
        free(job)
        endWrite()
        completion(.failure(.busy))
    }
}
