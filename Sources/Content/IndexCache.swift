import CLinux
import OpenPGP
import System

/// The index on disk, `<state>/index`: what was found out about each file, so that a start hashes only what changed.
///
/// Format (docs/content.md): numbers in the machine's own order; every part is bounded and the whole carries its SHA-256. A cache
/// that is lost, damaged or of another version costs time and nothing else.
extension Store {
    /// "maudidx1": another order of octets, or another layout, is another number.
    private static let magic: UInt64 = 0x6D61_7564_6964_7831
    private static let fileName: [UInt8] = Array("index")
    private static let sizeLimit = 64 << 20
    /// A file this young may change again without its change time telling (a tick of the kernel's clock): left out.
    private static let tooYoung: Int64 = 100_000_000
    /// After so many changes it is written, though the node goes on.
    private static let changesBeforeSave = 1024

    // MARK: Reading

    /// Fills the tables with what the cache knows. Nothing of it is listed until a scan has found the same file.
    func loadCache() {
        guard let state, let bytes = try? Files.read(state + "/index", limit: Store.sizeLimit), bytes.count > SHA256Sum.count else { return }
        let valid = bytes.withUnsafeBytes { all in
            let body = UnsafeRawBufferPointer(rebasing: all[0..<all.count - SHA256Sum.count])
            let sum = SHA256Sum(of: body)
            guard sum.withBytes({ Store.isEqual($0, UnsafeRawBufferPointer(rebasing: all[body.count...])) }) else { return false }
            var reader = CacheReader(body)
            return load(&reader)
        }
        if !valid { Log("index-cache-not-used").write() }
    }

    private func load(_ reader: inout CacheReader) -> Bool {
        guard reader.number(8) == Store.magic, let listCount = reader.number(2) else { return false }
        var lists: [Classification] = []
        for _ in 0..<listCount {
            guard let count = reader.number(2), count <= UInt64(Bounds.recipientsPerFile) else { return false }
            var recipients: [KeyID] = []
            for _ in 0..<count {
                guard let recipient = reader.number(8) else { return false }
                recipients.append(KeyID(rawValue: recipient))
            }
            lists.append(.encrypted(recipients: recipients))
        }
        while let octets = reader.octets(Fingerprint.count) {
            guard let fingerprint = Fingerprint(octets: octets), let files = reader.number(4), let versions = reader.number(4) else { return false }
            let directory = directory(fingerprint)
            for _ in 0..<files { guard loadRecord(&reader, directory, isVersion: false, lists) else { return false } }
            for _ in 0..<versions { guard loadRecord(&reader, directory, isVersion: true, lists) else { return false } }
        }
        return reader.isAtEnd
    }

    /// One record. A directory that is not followed any more is read over.
    private func loadRecord(_ reader: inout CacheReader, _ directory: Directory?, isVersion: Bool, _ lists: [Classification]) -> Bool {
        var status = maud_status()
        guard let size = reader.number(8), let modified = reader.number(8), let changed = reader.number(8), let inode = reader.number(8),
              let sumOctets = reader.octets(SHA256Sum.count), let audience = reader.number(2), let isBare = reader.number(1),
              let nameCount = reader.number(1), let name = reader.octets(Int(nameCount)) else { return false }
        status.size = Int64(bitPattern: size)
        status.modification_time = Int64(bitPattern: modified)
        status.change_time = Int64(bitPattern: changed)
        status.inode = inode
        guard status.size >= 0, FileName.defect(of: name) == nil, isBare <= 1 else { return false }
        let classification: Classification
        switch UInt16(audience) {
        case Audiences.nobody: classification = .other
        case Audiences.everyone: classification = .public
        case let number:
            guard number > Audiences.everyone, Int(number) - 3 < lists.count else { return false }
            classification = lists[Int(number) - 3]
        }
        guard let directory else { return true }
        var sum = SHA256Sum()
        withUnsafeMutableBytes(of: &sum.words) { $0.copyMemory(from: sumOctets) }
        let table = isVersion ? directory.versions : directory.files
        guard isVersion || table.count < limits.files, table.find(name, isVersion ? sum : nil) == nil, let index = table.insert(name, sum: sum) else { return true }
        table.setSize(index, status.size)
        table[index].pointee.set(status)
        table[index].pointee.audience = audiences.number(of: classification)
        table[index].pointee.flags = isBare == 1 ? [.cached, .bare] : [.cached]
        if isVersion { requestScan(directory, Array(name)) }
        return true
    }

    // MARK: Writing

    /// Writes the cache when everything is examined and something is new, or when much is.
    func saveCacheIfDue() {
        guard changesSinceSave > 0, !isSaving, state != nil, changesSinceSave >= Store.changesBeforeSave || (!isExamining && !isSavedOnce && scans.isEmpty && !isScanning) else { return }
        changesSinceSave = 0
        isSavedOnce = true
        guard let (handle, job) = cacheJob() else { return }
        isSaving = true
        let finish = { [unowned(unsafe) self] in
            free(job)
            maud_store_directory_close(handle)
            isSaving = false
        }
        if !submit(job, completion: finish) { finish() }
    }

    /// At a clean end: blocks.
    func saveCacheNow() {
        guard changesSinceSave > 0, let (handle, job) = cacheJob() else { return }
        ContentFile.run(job)
        free(job)
        maud_store_directory_close(handle)
    }

    private func cacheJob() -> (OpaquePointer, UnsafeMutablePointer<maud_put>)? {
        var handle: OpaquePointer?
        guard let state, maud_store_directory_open(Files.currentDirectory, state, &handle) == 0, let handle else { return nil }
        let bytes = cacheBytes()
        counters.saved += 1
        let job = Store.fileName.withUnsafeBytes { name in
            bytes.withUnsafeBytes { maud_put_create(handle, name.baseAddress, name.count, $0.baseAddress, $0.count) }
        }
        guard let job else { maud_store_directory_close(handle); return nil }
        job.pointee.now = maud_realtime()
        return (handle, job)
    }

    private func cacheBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        var records = 0
        for directory in directories { records += directory.files.count + directory.versions.count }
        bytes.reserveCapacity(records * 112 + 4096)
        bytes.append(number: Store.magic, 8)
        let lists = audiences.all
        bytes.append(number: UInt64(lists.count), 2)
        for list in lists {
            bytes.append(number: UInt64(list.count), 2)
            for recipient in list { bytes.append(number: recipient.rawValue, 8) }
        }
        let youngest = maud_realtime() - Store.tooYoung
        for directory in directories {
            bytes.append(contentsOf: directory.fingerprint.octets)
            let position = bytes.count
            bytes.append(number: 0, 8)
            let files = append(directory.files, youngest, &bytes), versions = append(directory.versions, youngest, &bytes)
            withUnsafeBytes(of: (files, versions)) { counts in
                for index in 0..<8 { bytes[position + index] = counts[index] }
            }
        }
        let sum = SHA256Sum(of: bytes)
        sum.withBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Appends the records that are known for certain; returns how many.
    private func append(_ table: Table, _ youngest: Int64, _ bytes: inout [UInt8]) -> UInt32 {
        var count: UInt32 = 0
        for position in 0..<table.count {
            let index = table.record(named: position), record = table[index].pointee
            guard record.audience != Audiences.unknown, record.flags.isDisjoint(with: [.pending, .examining, .cached]), record.changeTime < youngest else {
                changesSinceSave = max(changesSinceSave, 1) // something is left for the next time
                continue
            }
            bytes.append(number: UInt64(bitPattern: record.size), 8)
            bytes.append(number: UInt64(bitPattern: record.modificationTime), 8)
            bytes.append(number: UInt64(bitPattern: record.changeTime), 8)
            bytes.append(number: record.inode, 8)
            record.sum.withBytes { bytes.append(contentsOf: $0) }
            bytes.append(number: UInt64(record.audience), 2)
            bytes.append(number: record.flags.contains(.bare) ? 1 : 0, 1)
            bytes.append(number: UInt64(record.nameCount), 1)
            bytes.append(contentsOf: table.name(index))
            count += 1
        }
        return count
    }
}

/// Reads the cache's numbers and octets, never past its end.
private struct CacheReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func octets(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count <= bytes.count - position else { return nil }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    /// A number of 1, 2, 4 or 8 octets.
    mutating func number(_ count: Int) -> UInt64? {
        guard let octets = octets(count) else { return nil }
        switch count {
        case 1: return UInt64(octets[0])
        case 2: return UInt64(octets.loadUnaligned(as: UInt16.self))
        case 4: return UInt64(octets.loadUnaligned(as: UInt32.self))
        default: return octets.loadUnaligned(as: UInt64.self)
        }
    }
}

extension Array where Element == UInt8 {
    /// Appends a number of 1, 2 or 8 octets in the machine's order.
    fileprivate mutating func append(number: UInt64, _ count: Int) {
        switch count {
        case 1: append(UInt8(truncatingIfNeeded: number))
        case 2: Swift.withUnsafeBytes(of: UInt16(truncatingIfNeeded: number)) { append(contentsOf: $0) }
        default: Swift.withUnsafeBytes(of: number) { append(contentsOf: $0) }
        }
    }
}
