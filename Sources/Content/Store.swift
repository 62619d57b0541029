import CLinux
import EventLoop
import OpenPGP
import System

/// The content of one Mau directory: the own files and those of followed friends, with an index in memory.
///
/// Nothing here blocks the loop: what reads or writes files is a job of the worker. The guarantees are the numbered clauses of
/// docs/content.md. The store lives until `stop()` has returned; one thread uses it.
public final class Store {
    /// What the store keeps; the defaults are in `Bounds`.
    public struct Limits: Sendable {
        /// Files of one directory.
        public var files = Bounds.filesPerDirectory
        /// Versions of one file, and their octets.
        public var versionCount = Bounds.versionsPerFile
        public var versionOctets = Int64(Bounds.versionOctetsPerFile)
        public init() {}
    }

    /// What the store has done since it was started, for `maud status`.
    public struct Counters: Sendable {
        /// Files that were read and hashed.
        public var examined = 0
        /// Files that the cache knew.
        public var cached = 0
        /// Files written.
        public var published = 0
        /// Files removed by `remove`.
        public var removed = 0
        /// Files and directories that the kernel would not let us watch: changes there are seen at the next start.
        public var unwatched = 0
        /// Times the cache was written.
        public var saved = 0
        /// Times the kernel's queue of changes was full and everything was scanned again.
        public var rescans = 0
    }

    /// What the own directory holds.
    public struct Totals: Sendable {
        public let files: Int
        public let versions: Int
        /// Octets of files and versions together.
        public let octets: Int64
    }

    public let root: String
    public let own: Fingerprint
    public var limits: Limits
    public internal(set) var counters = Counters()
    /// Whether the first look at every directory is over: from then on files can be written.
    public internal(set) var isReady = false
    /// Where a friend publishes its own public key, for who has an older copy (docs/account.md, 24).
    public static var keyFileName: [UInt8] { Array("public-key.pgp") }

    /// Called with each encrypted file that comes into a friend's directory, or is found there for the first time, and with the friend's
    /// public key.
    public var arrived: ((_ directory: Directory, _ name: [UInt8], Entry) -> Void)?
    /// Called when a friend's directory has come or gone.
    public var directoriesChanged: (() -> Void)?

    let state: String?
    let loop: EventLoop
    let worker: Worker
    let clock: NodeClock
    let audiences = Audiences()
    var directories: [Directory] = []
    var isStopped = false
    private var ready: (() -> Void)?
    // StoreWatch
    var notify: Int32 = -1
    var watches: [Watch] = []
    var writesInFlight = 0
    // StoreScan, StoreExamination
    var scans: [ScanRequest] = []
    var isScanning = false
    var examinations = 0
    var retry: Timer?
    // StoreRestamp
    var unsetSince: Int64?
    var isRestamping = false
    var restampIsWanted = false
    var takesTimesBack = false
    /// Nanoseconds by which a file may be ahead of the clock: several in one microsecond, and clocks that are slewed.
    static let aheadOfClock = 10 * nanosecondsPerSecond
    /// Called when files have new modification times because the clock became set.
    public var restamped: () -> Void = {}
    // IndexCache
    var changesSinceSave = 0
    var isSaving = false
    var isSavedOnce = false

    /// Opens the Mau directory `root`, which must exist, and makes the own directory when it is not there.
    ///
    /// - Parameter state: the directory of the index cache; nil to do without.
    public init(root: String, state: String?, own: Fingerprint, loop: EventLoop, worker: Worker, clock: NodeClock,
                limits: Limits = Limits()) throws(ContentError) {
        self.root = root
        self.state = state
        self.own = own
        self.loop = loop
        self.worker = worker
        self.clock = clock
        self.limits = limits
        do {
            try Store.makeOwnDirectory(root, own)
            if let state { try Files.makeDirectory(state) }
        } catch { throw ContentError(error) }
    }

    /// Makes `<root>/<fpr>`, durably.
    static func makeOwnDirectory(_ root: String, _ own: Fingerprint) throws(SystemError) {
        let path = root + "/" + own.description
        if try Files.status(path) != nil { return }
        try Files.makeDirectory(path)
        let directory = try FileDescriptor.open(root, [.read, .directory])
        _ = try check(maud_fsync(directory.rawValue), "fsync", root)
    }

    /// Begins to watch and read the directories. `ready` is called when every directory has been looked through once and every
    /// own file is known, from the cache or because it was examined; friends' files may still be examined then
    /// (`Directory.isSettled`). Throws when the own directory cannot be opened.
    public func start(ready: @escaping () -> Void) throws(ContentError) {
        self.ready = ready
        do {
            try startWatching()
            try addDirectory(own)
            let directory = try FileDescriptor.open(root, [.read, .directory])
            try Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in
                if let fingerprint = Store.fingerprint(name), fingerprint != own { follow(fingerprint) }
                return true
            }
        } catch { throw ContentError(error) }
        loadCache()
        pump()
    }

    /// Waits for what is being written, saves the cache and lets go of everything.
    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        if let retry { loop.cancel(retry) }
        try? worker.drain()
        if isReady { saveCacheNow() }
        if notify >= 0 {
            loop.remove(notify)
            _ = maud_close(notify)
            notify = -1
        }
    }

    /// The directory of the own fingerprint or of a followed friend.
    public func directory(_ fingerprint: Fingerprint) -> Directory? {
        for directory in directories where directory.fingerprint == fingerprint { return directory }
        return nil
    }

    /// Every directory, the own one first.
    public var followed: [Directory] { directories }

    public var totals: Totals {
        guard let directory = directory(own) else { return Totals(files: 0, versions: 0, octets: 0) }
        return Totals(files: directory.files.count, versions: directory.versions.count, octets: directory.octets)
    }

    // MARK: Directories

    /// The fingerprint that a directory is named by: 40 lower-case digits.
    static func fingerprint(_ name: UnsafePointer<CChar>) -> Fingerprint? {
        var digits: [UInt8] = []
        var position = 0
        while name[position] != 0 {
            if position == Fingerprint.digits { return nil }
            digits.append(UInt8(bitPattern: name[position]))
            position += 1
        }
        guard let fingerprint = Fingerprint(hexadecimal: digits), fingerprint.hexadecimal == digits else { return nil }
        return fingerprint
    }

    /// Adds a directory and asks for its first scan.
    func addDirectory(_ fingerprint: Fingerprint) throws(SystemError) {
        guard directory(fingerprint) == nil else { return }
        var handle: OpaquePointer?
        let path = root + "/" + fingerprint.description
        _ = try check(maud_store_directory_open(Files.currentDirectory, path, &handle), "open", path)
        guard let handle else { return }
        let directory = Directory(fingerprint, handle: handle, audiences: audiences, store: self)
        directories.append(directory)
        watch(directory, nil)
        requestScan(directory, nil)
        directoriesChanged?()
    }

    /// A friend's directory that is there: one that cannot be opened is logged and left out.
    func follow(_ fingerprint: Fingerprint) {
        guard directories.count <= Bounds.friends else {
            var log = Log("too-many-directories")
            log.field("limit", Bounds.friends)
            return log.write()
        }
        do { try addDirectory(fingerprint) } catch {
            // A file of that name, or a directory that is gone already, is nothing to speak of.
            if error.code == ErrorNumber.notDirectory || error.code == ErrorNumber.notFound { return }
            var log = Log("directory-not-readable")
            log.field("error", error.description)
            log.write()
        }
    }

    /// Forgets a directory that was removed or renamed (a friend who is not followed any more).
    func removeDirectory(_ fingerprint: Fingerprint) {
        guard let directory = directory(fingerprint) else { return }
        directory.isGone = true
        directory.generation += 1
        unwatch(directory)
        directories.removeAll { $0 === directory }
        scans.removeAll { $0.directory === directory }
        directoriesChanged?()
    }

    // MARK: Work

    /// Keeps the worker supplied.
    func pump() {
        guard !isStopped else { return }
        pumpScans()
        pumpExaminations()
        settle()
        if isReady { saveCacheIfDue() }
    }

    /// Notices directories whose files have all been examined for the first time. The own one being so is what `start` waits for.
    private func settle() {
        for directory in directories where !directory.isSettled && directory.isScanned && directory.pendingFiles.isEmpty && directory.examining == 0 {
            directory.isSettled = true
            directory.generation += 1
        }
        guard isReady, let ready, directory(own)?.isSettled == true else { return }
        self.ready = nil
        ready()
    }

    /// Hands a job over; false when the worker has too much to do: then `pump` is called again soon.
    func submit(_ job: UnsafeMutableRawPointer, completion: @escaping () -> Void) -> Bool {
        do throws(SystemError) {
            try worker.submit(job.assumingMemoryBound(to: maud_job.self), completion: completion)
            return true
        } catch {
            let timer = retry ?? Timer { [unowned(unsafe) self] in pump() }
            retry = timer
            loop.schedule(timer, after: 20_000_000)
            return false
        }
    }

    /// Frees a job that is done or was not taken.
    func free(_ job: UnsafeMutableRawPointer) { maud_store_free(job.assumingMemoryBound(to: maud_job.self)) }

    /// A change that makes the cache on disk outdated.
    func noteChange() { changesSinceSave += 1 }
}
