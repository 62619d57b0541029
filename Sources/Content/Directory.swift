import CLinux
import OpenPGP
import System

/// The content files of one fingerprint, `<root>/<fpr>/`, and their versions: what a request is answered from.
///
/// Kept right by the `Store` it belongs to. Only files that someone may see are here: signed and public, or encrypted.
public final class Directory {
    public let fingerprint: Fingerprint
    /// Changes with every change that anyone can see: a rendered listing is good as long as it is the same.
    public internal(set) var generation: UInt64 = 1
    /// Files that are not in the index because there are more than it may hold.
    public internal(set) var ignored = 0

    let handle: OpaquePointer
    let files = Table(isOrderedBySum: false)
    let versions = Table(isOrderedBySum: true)
    let audiences: Audiences
    /// Files that wait to be examined: record numbers of `files` and of `versions`.
    var pendingFiles = PendingFiles()
    var pendingVersions = PendingFiles()
    /// Whether the first scan is over: what comes now is new.
    var isScanned = false
    /// Files being examined by the worker now.
    var examining = 0
    /// Whether every file that was there at the start has been examined. Before, a listing would be one with holes, which a
    /// follower would never ask for again, and a file that is not found may well exist.
    public internal(set) var isSettled = false
    /// The directory is gone: results still under way are dropped.
    var isGone = false
    unowned(unsafe) let store: Store

    init(_ fingerprint: Fingerprint, handle: OpaquePointer, audiences: Audiences, store: Store) {
        self.fingerprint = fingerprint
        self.handle = handle
        self.audiences = audiences
        self.store = store
    }

    deinit {
        for table in [files, versions] {
            for position in 0..<table.count { audiences.release(table[table.record(named: position)].pointee.audience) }
        }
        maud_store_directory_close(handle)
    }

    var descriptor: Int32 { maud_store_directory_descriptor(handle) }

    /// Files in the listing.
    public var count: Int { files.listedCount }
    /// Octets of all files, versions included, listed or not.
    public var octets: Int64 { files.octets + versions.octets }
    /// Nanoseconds since 1970: the newest modification time that was ever given or seen here.
    public var newest: Int64 { maud_store_directory_newest(handle) }

    /// The file of that name, if someone may see it. Any octets may be given.
    public func entry(_ name: UnsafeRawBufferPointer) -> Entry? {
        guard let index = files.find(name), files[index].pointee.flags.contains(.listed) else { return nil }
        return entry(index, in: files)
    }

    /// The file of that name.
    public func entry(_ name: FileName) -> Entry? { name.octets.withUnsafeBytes { entry($0) } }

    /// A version of a file by its SHA-256; the present content of the file counts as one.
    public func version(of name: UnsafeRawBufferPointer, sum: SHA256Sum) -> Entry? {
        if let index = versions.find(name, sum), versions[index].pointee.flags.contains(.listed) { return entry(index, in: versions) }
        guard let entry = entry(name), entry.sum == sum else { return nil }
        return entry
    }

    /// Calls `body` with files oldest first, each with its name (valid during the call), until it returns false.
    ///
    /// - Parameters:
    ///   - after: where the page before ended; nil from the start.
    ///   - since: nanoseconds since 1970; older files are left out, one of exactly that time is not.
    ///   - limit: how many at most.
    public func forEach(after: Cursor? = nil, since: Int64 = .min, limit: Int = .max, _ body: (UnsafeRawBufferPointer, Entry) -> Bool) {
        var position = since == .min ? 0 : files.position(Cursor(modificationTime: since, sum: SHA256Sum()))
        if let after {
            var next = files.position(after)
            while next < files.listedCount, entry(files.record(listed: next), in: files).cursor == after { next += 1 }
            position = max(position, next)
        }
        var left = limit
        while position < files.listedCount, left > 0 {
            let index = files.record(listed: position)
            guard body(files.name(index), entry(index, in: files)) else { return }
            position += 1
            left -= 1
        }
    }

    /// Calls `body` with files in the order of their names, octet by octet, from the first that is not before `first`, each with its
    /// name (valid during the call), until it returns false.
    public func forEachNamed(from first: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Entry) -> Bool) {
        for position in files.position(first)..<files.count {
            let index = files.record(named: position)
            guard files[index].pointee.flags.contains(.listed) else { continue }
            guard body(files.name(index), entry(index, in: files)) else { return }
        }
    }

    /// The latest modification time, and the latest time that the system's clock had when a file was written: a file published
    /// while the clock was unset has a modification time ahead of its change time, which is the kernel's own.
    ///
    /// - Parameter limit: files from beyond it are somebody's mistake and must not stop the clock.
    public func latestTimes(before limit: Int64) -> (published: Int64, passed: Int64) {
        var published: Int64 = 0, passed: Int64 = 0
        for position in 0..<files.listedCount {
            let record = files[files.record(listed: position)]
            guard record.pointee.modificationTime < limit else { continue }
            published = max(published, record.pointee.modificationTime)
            passed = max(passed, min(record.pointee.modificationTime, record.pointee.changeTime))
        }
        return (published, passed)
    }

    func entry(_ index: UInt16, in table: Table) -> Entry {
        let record = table[index]
        return Entry(size: record.pointee.size, modificationTime: record.pointee.modificationTime, isTimed: record.pointee.isTimed, sum: record.pointee.sum,
                     isPublic: record.pointee.audience == Audiences.everyone, recipients: audiences.recipients(record.pointee.audience),
                     index: index, isVersion: table === versions)
    }

    /// Opens a file for reading, to serve it under the sum of its entry.
    ///
    /// While a file is being replaced (fsync may take half a second) it is opened as the version that it already is. Nil when it
    /// is gone altogether: then it is examined again, and a later `entry` is right. The corresponding C functions are
    /// `openat` and `fstat`.
    public func openFile(_ entry: Entry) -> FileDescriptor? {
        let table = entry.isVersion ? versions : files
        guard Int(entry.index) < table.capacity, table[entry.index].pointee.flags.contains(.listed), table[entry.index].pointee.sum == entry.sum else { return nil }
        var isOther = false
        if let file = open(path(entry.index, in: table), table[entry.index], &isOther) { return file }
        guard isOther else { return nil }
        store.changed(self, table, entry.index)
        return entry.isVersion ? nil : open(path(entry.index, in: table, asVersion: true), table[entry.index], &isOther)
    }

    /// Opens a file when it is the one of the record; `isOther` says that there is another, or none.
    private func open(_ path: [UInt8], _ record: UnsafeMutablePointer<Record>, _ isOther: inout Bool) -> FileDescriptor? {
        let raw = path.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { maud_openat(descriptor, $0.baseAddress, Int32(MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK), 0) }
        }
        if raw < 0 {
            isOther = raw == -ErrorNumber.notFound
            return nil
        }
        let file = FileDescriptor(owning: raw)
        var status = maud_status()
        guard maud_fstat(raw, &status) == 0, status.kind == UInt32(MAUD_FILE_REGULAR), record.pointee.matches(status) else {
            isOther = true
            return nil
        }
        return file
    }

    /// The path of a record, relative to the directory, with a NUL: `name`, or `name.versions/<sum>[.pgp]`.
    func path(_ index: UInt16, in table: Table, asVersion: Bool = false) -> [UInt8] {
        var path: [UInt8] = []
        let name = table.name(index)
        path.reserveCapacity(name.count + 80)
        path.append(contentsOf: name)
        if table === versions || asVersion {
            path.append(".versions/")
            table[index].pointee.sum.withBytes { path.append(hexadecimal: $0) }
            if !table[index].pointee.flags.contains(.bare) { path.append(".pgp") }
        }
        path.append(0)
        return path
    }
}
