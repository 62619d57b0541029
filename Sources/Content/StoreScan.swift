import CLinux
import OpenPGP
import System

/// A directory that is to be listed: of a fingerprint, or of the versions of one of its files.
final class ScanRequest {
    let directory: Directory
    /// The file whose versions they are; nil for the files themselves.
    let name: [UInt8]?

    init(_ directory: Directory, _ name: [UInt8]?) {
        self.directory = directory
        self.name = name
    }
}

/// Why a file is looked at.
enum Cause {
    /// A scan found it.
    case scan
    /// Its times or rights changed, not its content.
    case attributes
    /// A program that had it open for writing closed it.
    case written
    /// Anything else: created, renamed.
    case other
}

extension Store {
    func requestScan(_ directory: Directory, _ name: [UInt8]?) {
        // Twice the same is only work twice: looking at the last few is enough.
        for scan in scans.suffix(64) where scan.directory === directory && scan.name == name { return }
        scans.append(ScanRequest(directory, name))
    }

    /// One scan at a time; the store is ready when there is none left for the first time.
    func pumpScans() {
        guard !isScanning, !isStopped else { return }
        guard let request = scans.first else { return becomeReady() }
        let path: [UInt8] = (request.name.map { $0 + Array(".versions") }) ?? Array(".")
        guard let job = path.withUnsafeBytes({ maud_scan_create(request.directory.handle, $0.baseAddress, $0.count) }) else { return }
        job.pointee.clean = true
        forEachScanned(request) { $0[$1].pointee.flags.remove(.seen) }
        guard submit(job, completion: { [unowned(unsafe) self] in scanned(request, job) }) else { return free(job) }
        scans.removeFirst()
        isScanning = true
    }

    private func becomeReady() {
        guard !isReady else { return }
        isReady = true
        restamp()
    }

    /// A portion of a scan is there.
    private func scanned(_ request: ScanRequest, _ job: UnsafeMutablePointer<maud_scan>) {
        if !isStopped, !request.directory.isGone {
            var status = maud_status()
            var name: UnsafePointer<CChar>?
            while maud_scan_next(job, &status, &name) {
                if let name { found(request, octets(of: name), status) }
            }
            if !job.pointee.is_complete {
                if submit(job, completion: { [unowned(unsafe) self] in scanned(request, job) }) { return pumpExaminations() }
                // The worker is full of others' work: begin this scan again later.
                requestScan(request.directory, request.name)
            } else {
                sweep(request)
                if request.name == nil { request.directory.isScanned = true }
            }
        }
        free(job)
        isScanning = false
        pump()
    }

    /// One name of a scan.
    private func found(_ request: ScanRequest, _ name: UnsafeRawBufferPointer, _ status: maud_status) {
        let directory = request.directory
        if let file = request.name {
            guard status.kind == UInt32(MAUD_FILE_REGULAR), let (sum, isBare) = Store.version(name) else { return }
            file.withUnsafeBytes { reconcileVersion(directory, $0, sum, isBare: isBare, status, .scan) }
        } else if status.kind == UInt32(MAUD_FILE_REGULAR), FileName.defect(of: name) == nil {
            if !directory.isScanned { maud_store_directory_raise(directory.handle, status.modification_time) }
            reconcile(directory, directory.files, name, nil, status, .scan)
        } else if status.kind == UInt32(MAUD_FILE_DIRECTORY), let file = Store.versioned(name) {
            watch(directory, file)
            requestScan(directory, file)
        }
    }

    /// What the scan did not find is gone, unless it came after the scan had passed.
    private func sweep(_ request: ScanRequest) {
        var unseen: [UInt16] = []
        forEachScanned(request) { if !$0[$1].pointee.flags.contains(.seen) { unseen.append($1) } }
        let table = request.name == nil ? request.directory.files : request.directory.versions
        for index in unseen { recheck(request.directory, table, index, .scan) }
    }

    /// The records that a scan is about.
    private func forEachScanned(_ request: ScanRequest, _ body: (Table, UInt16) -> Void) {
        guard let name = request.name else {
            let table = request.directory.files
            for position in 0..<table.count { body(table, table.record(named: position)) }
            return
        }
        let table = request.directory.versions
        name.withUnsafeBytes { bytes in
            var position = table.position(bytes)
            while position < table.count, Store.isEqual(table.name(table.record(named: position)), bytes) {
                body(table, table.record(named: position))
                position += 1
            }
        }
    }

    // MARK: Comparing the index with the disk

    /// Brings the record of a file in line with what lies on the disk.
    func reconcile(_ directory: Directory, _ table: Table, _ name: UnsafeRawBufferPointer, _ sum: SHA256Sum?, _ status: maud_status, _ cause: Cause) {
        let isArrival = cause != .scan || directory.isScanned
        guard let index = table.find(name, sum) else { return insert(directory, table, name, sum, status, isArrival) }
        let record = table[index]
        record.pointee.flags.insert(.seen)
        if record.pointee.flags.contains(.cached) {
            record.pointee.flags.remove(.cached)
            if record.pointee.matches(status), record.pointee.changeTime == status.change_time { return show(directory, table, index) }
        } else if cause == .attributes, !record.pointee.flags.isDisjoint(with: [.pending, .examining]) {
            // The content is read anyway; and the time that an arrival was given is such a change itself.
            return
        } else if record.pointee.audience != Audiences.unknown, record.pointee.matches(status), !record.pointee.flags.contains(.examining) {
            if cause == .attributes { record.pointee.changeTime = status.change_time }
            if record.pointee.changeTime == status.change_time, cause != .written { return }
        }
        examine(directory, table, index, isArrival: isArrival)
    }

    /// A file that the index does not hold. At the bound of files it is not taken in, only counted.
    private func insert(_ directory: Directory, _ table: Table, _ name: UnsafeRawBufferPointer, _ sum: SHA256Sum?, _ status: maud_status, _ isArrival: Bool) {
        guard table === directory.versions || table.count < limits.files, let index = table.insert(name, sum: sum ?? SHA256Sum()) else {
            directory.ignored += 1
            return
        }
        table.setSize(index, status.size)
        table[index].pointee.set(status)
        table[index].pointee.flags.insert(.seen)
        examine(directory, table, index, isArrival: isArrival)
    }

    /// A version lies under `<sum>.pgp` or, from the Go implementation, under `<sum>`: with both there, the first found counts.
    func reconcileVersion(_ directory: Directory, _ name: UnsafeRawBufferPointer, _ sum: SHA256Sum, isBare: Bool, _ status: maud_status, _ cause: Cause) {
        let table = directory.versions
        if let index = table.find(name, sum) {
            if table[index].pointee.flags.contains(.bare) != isBare {
                if cause == .scan, table[index].pointee.flags.contains(.seen) { return }
                if isBare { table[index].pointee.flags.insert(.bare) } else { table[index].pointee.flags.remove(.bare) }
            }
            reconcile(directory, table, name, sum, status, cause)
        } else {
            reconcile(directory, table, name, sum, status, cause)
            if isBare, let index = table.find(name, sum) { table[index].pointee.flags.insert(.bare) }
        }
    }

    /// Compares a record with the disk now: one stat of a name that was just used.
    func recheck(_ directory: Directory, _ table: Table, _ index: UInt16, _ cause: Cause) {
        var status = maud_status()
        let result = stat(directory, directory.path(index, in: table), &status)
        guard result == 0, status.kind == UInt32(MAUD_FILE_REGULAR) else {
            if result == 0 || result == -ErrorNumber.notFound || result == -ErrorNumber.notDirectory { forget(directory, table, index) }
            return
        }
        // The record's own name: a copy, because the record may go.
        let name = Array(table.name(index)), sum = table[index].pointee.sum
        name.withUnsafeBytes { reconcile(directory, table, $0, table === directory.versions ? sum : nil, status, cause) }
    }

    func stat(_ directory: Directory, _ path: [UInt8], _ status: inout maud_status) -> Int32 {
        path.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { maud_statat(directory.descriptor, $0.baseAddress, false, &status) }
        }
    }

    /// Takes a file out of the index.
    func forget(_ directory: Directory, _ table: Table, _ index: UInt16) {
        if table[index].pointee.flags.contains(.listed) { directory.generation += 1 }
        audiences.release(table[index].pointee.audience)
        table.remove(index)
        noteChange()
        // There may be a file now that was not taken in at the bound.
        if table === directory.files, directory.ignored > 0, table.count == limits.files - 1 {
            directory.ignored = 0
            requestScan(directory, nil)
        }
    }

    /// Lists what the cache knew.
    private func show(_ directory: Directory, _ table: Table, _ index: UInt16) {
        counters.cached += 1
        guard table[index].pointee.audience > Audiences.nobody else { return }
        table.list(index)
        directory.generation += 1
    }

    // MARK: Names

    func octets(of name: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
        var count = 0
        while name[count] != 0 { count += 1 }
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(name), count: count)
    }

    static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }

    /// The file that a directory `<name>.versions` belongs to.
    static func versioned(_ name: UnsafeRawBufferPointer) -> [UInt8]? {
        guard FileName.hasSuffix(name, ".versions") else { return nil }
        let file = UnsafeRawBufferPointer(rebasing: name[0..<name.count - 9])
        return FileName.defect(of: file) == nil ? Array(file) : nil
    }

    /// The sum that a version is named by, and whether its suffix is missing.
    static func version(_ name: UnsafeRawBufferPointer) -> (SHA256Sum, isBare: Bool)? {
        let isBare = name.count == 64
        guard isBare || (name.count == 68 && FileName.hasSuffix(name, ".pgp")) else { return nil }
        for octet in name[0..<64] where (0x41...0x46).contains(octet) { return nil }
        guard let sum = SHA256Sum(hexadecimal: name[0..<64]) else { return nil }
        return (sum, isBare)
    }
}
