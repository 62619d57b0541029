import CLinux
import EventLoop
import OpenPGP
import System

/// A directory that the kernel tells about (inotify(7)).
struct Watch {
    let descriptor: Int32
    /// Nil for the Mau directory itself.
    let directory: Directory?
    /// The file whose versions are watched; nil for the files themselves.
    let name: [UInt8]?
}

extension Store {
    func startWatching() throws(SystemError) {
        notify = try check(maud_notify_create(), "inotify_init1")
        try loop.add(notify, .read) { [unowned(unsafe) self] _ in
            readChanges()
            pump()
        }
        let mask = UInt32(MAUD_NOTIFY_CREATE | MAUD_NOTIFY_DELETE | MAUD_NOTIFY_MOVED_FROM | MAUD_NOTIFY_MOVED_TO)
        _ = remember(Watch(descriptor: try check(maud_notify_add(notify, root, mask), "inotify_add_watch", root), directory: nil, name: nil))
    }

    /// Watches a directory of files, or of versions; whether it was not watched before. When the kernel refuses, changes are
    /// seen at the next start only.
    @discardableResult
    func watch(_ directory: Directory, _ name: [UInt8]?) -> Bool {
        var path = Array((root + "/" + directory.fingerprint.description).utf8)
        if let name {
            path.append(0x2F)
            path.append(contentsOf: name)
            path.append(".versions")
        }
        path.append(0)
        let mask = UInt32(MAUD_NOTIFY_CREATE | MAUD_NOTIFY_DELETE | MAUD_NOTIFY_MOVED_FROM | MAUD_NOTIFY_MOVED_TO | MAUD_NOTIFY_CLOSE_WRITE | MAUD_NOTIFY_ATTRIBUTES)
        let result = path.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { maud_notify_add(notify, $0.baseAddress, mask) }
        }
        if result >= 0 { return remember(Watch(descriptor: result, directory: directory, name: name)) }
        if result != -ErrorNumber.notFound {
            counters.unwatched += 1
            var log = Log("directory-not-watched")
            log.field("path", octets: Array(path.dropLast()))
            log.field("error", SystemError(code: -result, call: "inotify_add_watch").description)
            log.write()
        }
        return false
    }

    /// Keeps the watches in the order of their numbers. The kernel gives a directory that it watches already the number it has,
    /// also when it was renamed.
    private func remember(_ watch: Watch) -> Bool {
        let position = position(watch.descriptor)
        guard position < watches.count, watches[position].descriptor == watch.descriptor else {
            watches.insert(watch, at: position)
            return true
        }
        let known = watches[position]
        watches[position] = watch
        return known.directory !== watch.directory || known.name != watch.name
    }

    /// Where a watch of that number is, or belongs.
    private func position(_ descriptor: Int32) -> Int {
        var low = 0, high = watches.count
        while low < high {
            let middle = (low + high) / 2
            if watches[middle].descriptor < descriptor { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Stops watching everything of a directory.
    func unwatch(_ directory: Directory) {
        for watch in watches where watch.directory === directory { _ = maud_notify_remove(notify, watch.descriptor) }
        watches.removeAll { $0.directory === directory }
    }

    /// While the worker writes for us its changes are not worth waking up for: they are read when it is done.
    func beginWrite() {
        if writesInFlight == 0, notify >= 0 { try? loop.modify(notify, []) }
        writesInFlight += 1
    }

    func endWrite() {
        writesInFlight -= 1
        guard writesInFlight == 0, notify >= 0 else { return }
        if !isStopped { readChanges() }
        try? loop.modify(notify, .read)
        if restampIsWanted { restamp() }
    }

    /// Reads what the kernel has to tell, at most 16 portions: the loop comes back for more.
    private func readChanges() {
        for _ in 0..<16 {
            let isMore = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
                let count = maud_read(notify, buffer.baseAddress, buffer.count)
                guard count > 0 else { return false }
                var offset = 0
                while offset < count {
                    var watch: Int32 = 0, mask: UInt32 = 0
                    var name: UnsafePointer<CChar>?
                    let length = maud_notify_parse(buffer.baseAddress.map { $0 + offset }, Int(count) - offset, &watch, &mask, &name)
                    guard length > 0, let name else { return false }
                    handle(watch, mask, name)
                    offset += length
                }
                return true
            }
            if !isMore { return }
        }
    }

    private func handle(_ descriptor: Int32, _ mask: UInt32, _ name: UnsafePointer<CChar>) {
        if mask & UInt32(MAUD_NOTIFY_OVERFLOW) != 0 { return rescan() }
        let position = position(descriptor)
        guard position < watches.count, watches[position].descriptor == descriptor else { return }
        if mask & UInt32(MAUD_NOTIFY_IGNORED) != 0 { watches.remove(at: position); return }
        let watch = watches[position]
        guard name[0] != 0 else { return }
        guard let directory = watch.directory else { return rootChanged(name) }
        let octets = octets(of: name)
        let cause: Cause = mask & UInt32(MAUD_NOTIFY_CLOSE_WRITE) != 0 ? .written : mask & UInt32(MAUD_NOTIFY_ATTRIBUTES) != 0 ? .attributes : .other
        if let file = watch.name {
            versionChanged(directory, file, octets, cause)
        } else if mask & UInt32(MAUD_NOTIFY_IS_DIRECTORY) != 0 {
            versionsChanged(directory, octets)
        } else if FileName.defect(of: octets) == nil {
            fileChanged(directory, octets, cause)
        }
    }

    /// A friend is followed, or not any more.
    private func rootChanged(_ name: UnsafePointer<CChar>) {
        guard let fingerprint = Store.fingerprint(name) else { return }
        var status = maud_status()
        let path = root + "/" + fingerprint.description
        if maud_statat(Files.currentDirectory, path, false, &status) == 0, status.kind == UInt32(MAUD_FILE_DIRECTORY) {
            // Another one under the same name is another directory.
            if let known = directory(fingerprint) {
                var mine = maud_status()
                if maud_fstat(known.descriptor, &mine) == 0, mine.inode == status.inode { return }
                removeDirectory(fingerprint)
            }
            follow(fingerprint)
        } else {
            removeDirectory(fingerprint)
        }
    }

    private func fileChanged(_ directory: Directory, _ name: UnsafeRawBufferPointer, _ cause: Cause) {
        if let index = directory.files.find(name) { return recheck(directory, directory.files, index, cause) }
        var status = maud_status()
        guard stat(directory, Array(name) + [0], &status) == 0, status.kind == UInt32(MAUD_FILE_REGULAR) else { return }
        reconcile(directory, directory.files, name, nil, status, cause)
    }

    private func versionsChanged(_ directory: Directory, _ name: UnsafeRawBufferPointer) {
        guard let file = Store.versioned(name) else { return }
        var status = maud_status()
        if stat(directory, Array(name) + [0], &status) == 0, status.kind == UInt32(MAUD_FILE_DIRECTORY) { watch(directory, file) }
        requestScan(directory, file)
    }

    private func versionChanged(_ directory: Directory, _ file: [UInt8], _ name: UnsafeRawBufferPointer, _ cause: Cause) {
        guard let (sum, isBare) = Store.version(name) else { return }
        var status = maud_status()
        let path = file + Array(".versions/") + Array(name) + [0]
        file.withUnsafeBytes { bytes in
            if stat(directory, path, &status) == 0, status.kind == UInt32(MAUD_FILE_REGULAR) {
                reconcileVersion(directory, bytes, sum, isBare: isBare, status, cause)
            } else if let index = directory.versions.find(bytes, sum), directory.versions[index].pointee.flags.contains(.bare) == isBare {
                forget(directory, directory.versions, index)
                // The same under the other name may be there still.
                requestScan(directory, file)
            }
        }
    }

    /// The kernel lost count: every directory is looked through again.
    private func rescan() {
        counters.rescans += 1
        Log("change-queue-overflow").write()
        if let directory = try? FileDescriptor.open(root, [.read, .directory]) {
            try? Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in
                rootChanged(name)
                return true
            }
        }
        // A directory whose removal went unnoticed.
        for directory in directories { directory.fingerprint.description.withCString { rootChanged($0) } }
        for directory in directories {
            requestScan(directory, nil)
            for watch in watches where watch.directory === directory && watch.name != nil { requestScan(directory, watch.name) }
        }
    }
}
