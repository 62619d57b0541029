import CLinux
import System

extension Store {
    /// A file was published while the clock was unset.
    func noteUnset(_ time: Int64) { unsetSince = min(unsetSince ?? .max, time) }

    /// To be called when the clock becomes set: the own files that were published while it was not get new modification times,
    /// in the same order and newer than all others, durably. Until then no follower's `If-Modified-Since` sees them.
    public func restamp() {
        guard isReady, !isStopped, clock.state == .set, !isRestamping, let directory = directory(own) else { return }
        guard writesInFlight == 0 else { restampIsWanted = true; return }
        restampIsWanted = false
        guard let threshold = threshold(directory.files) else { takesTimesBack = false; return }
        begin(directory, since: threshold)
    }

    /// To be called when the clock was believed although it is behind what was published (`NodeClock.believe`): the own files whose times lie
    /// ahead of it get new ones in the same way. Until then every file is newer than the clock, and none is ever too old.
    public func takeTimesBack() {
        takesTimesBack = true
        restamp()
    }

    /// A file whose time is ahead of the kernel's when it was written was published by a clock that was not set: files
    /// of this boot that an earlier process published, or that it did not come to restamp.
    private func threshold(_ table: Table) -> Int64? {
        var threshold = unsetSince
        let ahead = takesTimesBack ? clock.now + Store.aheadOfClock : .max
        for position in 0..<table.count {
            let record = table[table.record(named: position)]
            if !record.pointee.isTimed || record.pointee.modificationTime > ahead {
                threshold = min(threshold ?? .max, record.pointee.modificationTime)
            }
        }
        return threshold
    }

    private func begin(_ directory: Directory, since threshold: Int64) {
        let table = directory.files
        var indexes: [UInt16] = []
        var before: Int64 = 0
        for position in 0..<table.count {
            let index = table.record(named: position)
            let time = table[index].pointee.modificationTime
            if time >= threshold { indexes.append(index) } else { before = max(before, time) }
        }
        guard !indexes.isEmpty else { unsetSince = nil; return }
        let cursor: (Int) -> Cursor = { Cursor(modificationTime: table[indexes[$0]].pointee.modificationTime, sum: table[indexes[$0]].pointee.sum) }
        sort(count: indexes.count, isLess: { cursor($0) < cursor($1) }, swap: { indexes.swapAt($0, $1) })
        var names: [UInt8] = []
        for index in indexes {
            names.append(contentsOf: table.name(index))
            names.append(0)
        }
        let count = indexes.count
        guard let job = names.withUnsafeBytes({ maud_restamp_create(directory.handle, $0.baseAddress, $0.count, count) }) else { return }
        job.pointee.first = max(clock.now, before + 1000)
        isRestamping = true
        beginWrite()
        let taken = submit(job) { [unowned(unsafe) self] in
            isRestamping = false
            restamped(directory, job)
            free(job)
            endWrite()
            pump()
        }
        guard !taken else { return }
        free(job)
        isRestamping = false
        restampIsWanted = true
        endWrite()
    }

    private func restamped(_ directory: Directory, _ job: UnsafeMutablePointer<maud_restamp>) {
        let count = Int(job.pointee.count)
        var name = job.pointee.names
        for position in 0..<count {
            guard let bytes = name.map({ octets(of: $0) }) else { break }
            name = name.map { $0 + bytes.count + 1 }
            guard let index = directory.files.find(bytes) else { continue }
            let status = job.pointee.status[position], record = directory.files[index]
            // It was not done, or is another file by now.
            guard record.pointee.inode == status.inode else { continue }
            let wasListed = record.pointee.flags.contains(.listed)
            directory.files.unlist(index)
            record.pointee.modificationTime = status.modification_time
            record.pointee.changeTime = status.change_time
            if wasListed { directory.files.list(index) }
        }
        directory.generation += 1
        noteChange()
        restamped()
        if job.pointee.outcome.error == 0 { (unsetSince, takesTimesBack) = (nil, false); return }
        var log = Log("restamp-failed")
        log.field("error", SystemError(code: job.pointee.outcome.error, call: "utimensat").description)
        log.write()
    }
}
