import CLinux
import OpenPGP
import System

/// Files that wait for the worker, first come first served, without moving the rest for each that is taken.
struct PendingFiles {
    private var items: [UInt16] = []
    private var head = 0

    var isEmpty: Bool { items.isEmpty }

    mutating func append(_ index: UInt16) { items.append(index) }

    mutating func next() -> UInt16? {
        guard head < items.count else { return nil }
        defer {
            head += 1
            if head == items.count { items = []; head = 0 }
        }
        return items[head]
    }
}

extension Store {
    /// So many at once: one is done while the next waits, and what is written meanwhile need not wait for a long queue.
    private static let examinationsAtOnce = 2

    /// Asks for a file to be read, hashed and classified.
    func examine(_ directory: Directory, _ table: Table, _ index: UInt16, isArrival: Bool) {
        let record = table[index]
        if isArrival { record.pointee.flags.insert(.arrival) }
        if record.pointee.flags.contains(.examining) { record.pointee.flags.insert(.again); return }
        if record.pointee.flags.contains(.pending) { return }
        record.pointee.flags.insert(.pending)
        if table === directory.files { directory.pendingFiles.append(index) } else { directory.pendingVersions.append(index) }
    }

    /// The server opened a file and found that it is not the one of the index.
    func changed(_ directory: Directory, _ table: Table, _ index: UInt16) {
        recheck(directory, table, index, .written)
        pump()
    }

    var isExamining: Bool {
        if examinations > 0 { return true }
        for directory in directories where !directory.pendingFiles.isEmpty || !directory.pendingVersions.isEmpty { return true }
        return false
    }

    func pumpExaminations() {
        guard !isStopped else { return }
        for directory in directories {
            for table in [directory.files, directory.versions] {
                while examinations < Store.examinationsAtOnce {
                    guard let index = table === directory.files ? directory.pendingFiles.next() : directory.pendingVersions.next() else { break }
                    // Its record may have gone, or be another file's by now.
                    guard table[index].pointee.flags.contains(.pending) else { continue }
                    if !begin(directory, table, index) { return }
                }
            }
        }
    }

    private func begin(_ directory: Directory, _ table: Table, _ index: UInt16) -> Bool {
        let path = directory.path(index, in: table)
        // The size may be that of a moment ago, when another program had only begun to write.
        let head = min(max(Int(clamping: table[index].pointee.size), 4096), Classification.headLimit)
        let job = path.withUnsafeBytes { maud_examination_create(directory.handle, $0.baseAddress, $0.count, head) }
        table[index].pointee.flags.remove(.pending)
        guard let job else { return true }
        job.pointee.arrival = table[index].pointee.flags.contains(.arrival)
        job.pointee.is_version = table === directory.versions
        job.pointee.size_limit = Int64(Bounds.fileSize)
        job.pointee.now = clock.now
        job.pointee.is_known = table[index].pointee.audience != Audiences.unknown
        job.pointee.known_time = table[index].pointee.modificationTime
        Store.set(&job.pointee.known_sum, to: table[index].pointee.sum)
        let isUnset = clock.state == .unset
        let name = Array(table.name(index)), sum = table === directory.versions ? table[index].pointee.sum : nil
        table[index].pointee.flags.insert(.examining)
        examinations += 1
        directory.examining += 1
        let taken = submit(job) { [unowned(unsafe) self] in
            examinations -= 1
            directory.examining -= 1
            examined(directory, table, name, sum, job, isUnset)
            free(job)
            pump()
        }
        if taken { return true }
        free(job)
        examinations -= 1
        directory.examining -= 1
        table[index].pointee.flags.remove(.examining)
        examine(directory, table, index, isArrival: false)
        return false
    }

    /// The worker has read a file.
    private func examined(_ directory: Directory, _ table: Table, _ name: [UInt8], _ sum: SHA256Sum?,
                          _ job: UnsafeMutablePointer<maud_examination>, _ isUnset: Bool) {
        guard !directory.isGone, let index = name.withUnsafeBytes({ table.find($0, sum) }), table[index].pointee.flags.contains(.examining) else { return }
        counters.examined += 1
        let record = table[index]
        let again = record.pointee.flags.contains(.again)
        record.pointee.flags.subtract([.examining, .again])
        var status = maud_status()
        let there = stat(directory, directory.path(index, in: table), &status) == 0 && status.kind == UInt32(MAUD_FILE_REGULAR)
        let error = job.pointee.outcome.error
        if !there || error == ErrorNumber.notFound { return there ? hide(directory, table, index, Audiences.unknown, again) : forget(directory, table, index) }
        // Someone is writing it: the kernel tells when it is closed.
        if error == Store.busy { return hide(directory, table, index, Audiences.unknown, again) }
        if error != 0 {
            notReadable(name, error, job.pointee.outcome.call)
            return hide(directory, table, index, Audiences.nobody, again)
        }
        let examined = job.pointee.status
        guard !again, examined.inode == status.inode, examined.size == status.size, examined.modification_time == status.modification_time,
              examined.change_time == status.change_time else { return examine(directory, table, index, isArrival: false) }
        let classification = classify(job)
        if classification == nil, job.pointee.head_count == job.pointee.head_capacity, job.pointee.head_capacity < Classification.headLimit {
            // It grew since its size was known: once more, with room for a longer head.
            table.setSize(index, examined.size)
            return examine(directory, table, index, isArrival: false)
        }
        if job.pointee.arrival, isUnset, table === directory.files { noteUnset(examined.modification_time) }
        accept(directory, table, index, examined, Store.sum(job.pointee.sum), classification ?? .other)
    }

    static let busy: Int32 = 16 // EBUSY

    /// Nil when more of the head would be needed.
    private func classify(_ job: UnsafeMutablePointer<maud_examination>) -> Classification? {
        let head = UnsafeRawBufferPointer(start: job.pointee.head, count: job.pointee.head_count)
        return Classification.classify(head, size: Int(clamping: job.pointee.status.size))
    }

    /// Takes over what was found out about a file, and lists it when someone may see it.
    func accept(_ directory: Directory, _ table: Table, _ index: UInt16, _ status: maud_status, _ sum: SHA256Sum, _ classification: Classification) {
        let wasListed = table[index].pointee.flags.contains(.listed)
        table.unlist(index)
        table.setSize(index, status.size)
        let record = table[index]
        record.pointee.set(status)
        record.pointee.flags.subtract([.arrival, .cached])
        audiences.release(record.pointee.audience)
        if table === directory.versions, record.pointee.sum != sum {
            // Not the content that its name promises.
            record.pointee.audience = Audiences.nobody
        } else {
            record.pointee.sum = sum
            record.pointee.audience = audiences.number(of: classification)
        }
        if record.pointee.audience > Audiences.nobody { table.list(index) }
        if wasListed || record.pointee.flags.contains(.listed) { directory.generation += 1 }
        noteChange()
        if let arrived, directory.fingerprint != own, table === directory.files,
           record.pointee.audience > Audiences.everyone || (record.pointee.audience == Audiences.everyone && table.name(index).elementsEqual(Store.keyFileName)) {
            arrived(directory, Array(table.name(index)), directory.entry(index, in: table))
        }
    }

    /// Takes a file out of the listing; it stays known.
    private func hide(_ directory: Directory, _ table: Table, _ index: UInt16, _ audience: UInt16, _ again: Bool) {
        if table[index].pointee.flags.contains(.listed) { directory.generation += 1 }
        table.unlist(index)
        audiences.release(table[index].pointee.audience)
        table[index].pointee.audience = audience
        if again { examine(directory, table, index, isArrival: false) }
    }

    private func notReadable(_ name: [UInt8], _ error: Int32, _ call: UnsafePointer<CChar>?) {
        var log = Log("file-not-readable")
        log.field("file", octets: name)
        log.field("error", SystemError(code: error, call: "read").description)
        log.write()
    }

    /// A sum as C wants it.
    static func set<Octets>(_ octets: inout Octets, to sum: SHA256Sum) {
        withUnsafeMutableBytes(of: &octets) { target in sum.withBytes { target.copyMemory(from: $0) } }
    }

    /// A sum as C has it.
    static func sum<Octets>(_ octets: Octets) -> SHA256Sum {
        var sum = SHA256Sum()
        withUnsafeBytes(of: octets) { source in
            withUnsafeMutableBytes(of: &sum.words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[0..<SHA256Sum.count])) }
        }
        return sum
    }
}
