import CLinux
import OpenPGP
import System

/// Writing a content file at once, for commands that run without a loop (`maud publish`), also beside a running daemon: that
/// one is told by the kernel.
public enum ContentFile {
    /// Publishes a file in `<root>/<own>/`, atomically and durably, newer than all files there. Blocks.
    ///
    /// - Returns: the SHA-256 of the file.
    @discardableResult
    public static func write(root: String, own: Fingerprint, name: FileName, octets: [UInt8], keepingVersions: Bool = false, exclusive: Bool = false,
                             clock: NodeClock, limits: Store.Limits = Store.Limits()) throws(ContentError) -> SHA256Sum {
        guard octets.count <= Bounds.fileSize else { throw .tooLarge(limit: Bounds.fileSize) }
        let handle = try open(root, own)
        defer { maud_store_directory_close(handle) }
        let count = try raiseToNewest(handle)
        var status = maud_status()
        let path = name.description
        let isThere = maud_statat(maud_store_directory_descriptor(handle), path, false, &status) == 0
        guard !isThere || !keepingVersions || name.keepsVersions else { throw .nameTooLong(name) }
        guard isThere || count < limits.files else { throw .directoryFull(limit: limits.files) }
        guard let job = job(handle, name, octets) else { throw .system(SystemError(code: ErrorNumber.noMemory, call: "malloc")) }
        defer { free(job) }
        job.pointee.exclusive = exclusive
        job.pointee.keep_version = keepingVersions
        set(limits, in: job)
        job.pointee.now = clock.now
        run(job)
        let outcome = job.pointee.outcome
        if outcome.error != 0 { throw ContentError(outcome.error, call(outcome.call), name) }
        return Store.sum(job.pointee.sum)
    }

    private static func open(_ root: String, _ own: Fingerprint) throws(ContentError) -> OpaquePointer {
        do {
            try Store.makeOwnDirectory(root, own)
            var handle: OpaquePointer?
            let path = root + "/" + own.description
            _ = try check(maud_store_directory_open(Files.currentDirectory, path, &handle), "open", path)
            if let handle { return handle }
        } catch { throw ContentError(error) }
        throw .system(SystemError(code: ErrorNumber.noMemory, call: "malloc"))
    }

    /// Looks for the newest file, so that the new one becomes newer. Returns how many there are.
    private static func raiseToNewest(_ handle: OpaquePointer) throws(ContentError) -> Int {
        let here: [UInt8] = [0x2E]
        guard let scan = here.withUnsafeBytes({ maud_scan_create(handle, $0.baseAddress, $0.count) }) else {
            throw .system(SystemError(code: ErrorNumber.noMemory, call: "malloc"))
        }
        defer { free(scan) }
        var count = 0
        repeat {
            run(scan)
            var status = maud_status()
            var name: UnsafePointer<CChar>?
            while maud_scan_next(scan, &status, &name) {
                guard status.kind == UInt32(MAUD_FILE_REGULAR) else { continue }
                count += 1
                maud_store_directory_raise(handle, status.modification_time)
            }
        } while !scan.pointee.is_complete
        if scan.pointee.outcome.error != 0 { throw ContentError(SystemError(code: scan.pointee.outcome.error, call: "readdir")) }
        return count
    }

    // MARK: Jobs

    /// Runs a job of the store here and now.
    static func run(_ job: UnsafeMutableRawPointer) {
        let job = job.assumingMemoryBound(to: maud_job.self)
        job.pointee.run(job)
    }

    static func free(_ job: UnsafeMutableRawPointer) { maud_store_free(job.assumingMemoryBound(to: maud_job.self)) }

    static func job(_ handle: OpaquePointer, _ name: FileName, _ octets: [UInt8]) -> UnsafeMutablePointer<maud_put>? {
        name.octets.withUnsafeBytes { name in
            octets.withUnsafeBytes { maud_put_create(handle, name.baseAddress, name.count, $0.baseAddress, $0.count) }
        }
    }

    static func set(_ limits: Store.Limits, in job: UnsafeMutablePointer<maud_put>) {
        job.pointee.version_count = UInt32(clamping: limits.versionCount)
        job.pointee.version_octets = limits.versionOctets
    }

    static func paths(_ names: [FileName]) -> [UInt8] {
        var paths: [UInt8] = []
        for name in names {
            paths.append(contentsOf: name.octets)
            paths.append(0)
        }
        return paths
    }

    /// The name of the system call that failed, as a literal.
    static func call(_ name: UnsafePointer<CChar>?) -> StaticString {
        guard let name else { return "write" }
        switch UInt8(bitPattern: name[0]) {
        case 0x6F: return "open"
        case 0x66:
            switch UInt8(bitPattern: name[1]) {
            case 0x6C: return "flock"
            case 0x74: return "ftruncate"
            default: return UInt8(bitPattern: name[2]) == 0x74 ? "fstat" : "fsync"
            }
        case 0x72: return UInt8(bitPattern: name[2]) == 0x6E ? "rename" : "read"
        case 0x75: return UInt8(bitPattern: name[1]) == 0x74 ? "utimensat" : "unlink"
        case 0x6C, 0x63: return "link"
        case 0x6D: return "mkdir"
        case 0x73: return "stat"
        default: return "write"
        }
    }
}
