import CLinux
import System

/// The one C thread for what may block: fsync, rename, hashing of cold files, slow sensor files.
///
/// Jobs run in order, one at a time. At the bound (`Bounds.workerJobs` submitted and not yet finished) `submit` throws
/// EAGAIN and the caller keeps its work for later. All Swift stays on the loop's thread: a job is a C struct that begins
/// with `maud_job`, and its completion is called by the loop.
public final class Worker {
    private let worker: OpaquePointer
    private let eventDescriptor: Int32
    private let loop: EventLoop
    /// Jobs submitted whose completion has not run yet.
    public private(set) var pending = 0

    /// Starts the thread (256 KiB of stack).
    public init(loop: EventLoop, capacity: Int = Bounds.workerJobs) throws(SystemError) {
        var worker: OpaquePointer?
        var descriptor: Int32 = -1
        _ = try check(maud_worker_start(UInt32(capacity), &worker, &descriptor), "pthread_create")
        guard let worker else { throw SystemError(code: ErrorNumber.noMemory, call: "pthread_create") }
        self.worker = worker
        self.loop = loop
        eventDescriptor = descriptor
        try loop.add(descriptor, .read) { [unowned(unsafe) self] _ in takeResults() }
    }

    private final class Completion {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Hands a job over. The memory at `job` must stay valid until `completion` has run (on the loop), which
    /// then owns it again. Throws EAGAIN at the bound; nothing was taken then.
    public func submit(_ job: UnsafeMutablePointer<maud_job>, completion: @escaping () -> Void) throws(SystemError) {
        let owner = Unmanaged.passRetained(Completion(completion))
        job.pointee.owner = owner.toOpaque()
        let result = maud_worker_submit(worker, job)
        if result < 0 {
            owner.release()
            throw SystemError(code: -result, call: "worker")
        }
        pending += 1
    }

    private func takeResults() {
        _ = maud_eventfd_drain(eventDescriptor)
        while let job = maud_worker_take(worker) {
            pending -= 1
            guard let owner = job.pointee.owner else { continue }
            Unmanaged<Completion>.fromOpaque(owner).takeRetainedValue().run()
        }
    }

    /// Runs the loop until every job submitted so far has completed.
    public func drain() throws(SystemError) {
        while pending > 0 { try loop.runOnce(wait: true) }
    }

    /// Finishes what is queued, runs the completions and ends the thread. The worker is not usable afterwards.
    public func stop() throws(SystemError) {
        try drain()
        loop.remove(eventDescriptor)
        maud_worker_stop(worker)
    }
}
