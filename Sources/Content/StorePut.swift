import CLinux
import OpenPGP
import System

extension Store {
    /// Publishes a file in the own directory: atomically, durably, and newer than every file before it.
    ///
    /// - Parameters:
    ///   - keepingVersions: the previous content goes to `<name>.versions/<its SHA-256>.pgp` first.
    ///   - exclusive: an immutable file: `ContentError.exists` instead of replacing one.
    ///   - completion: called once, with the entry when the file is on the disk and in the index. What can be refused at once
    ///     is refused before `put` returns. After a failure the directory holds the old file or the new one, whole.
    public func put(_ name: FileName, _ octets: [UInt8], keepingVersions: Bool = false, exclusive: Bool = false,
                    completion: @escaping (Result<Entry, ContentError>) -> Void) {
        guard isReady, !isStopped, let directory = directory(own), directory.isScanned else { return completion(.failure(.notReady)) }
        guard octets.count <= Bounds.fileSize else { return completion(.failure(.tooLarge(limit: Bounds.fileSize))) }
        let known = name.octets.withUnsafeBytes { directory.files.find($0) }
        guard known == nil || !keepingVersions || name.keepsVersions else { return completion(.failure(.nameTooLong(name))) }
        guard known != nil || directory.files.count + writesInFlight < limits.files else { return completion(.failure(.directoryFull(limit: limits.files))) }
        guard let job = ContentFile.job(directory.handle, name, octets) else {
            return completion(.failure(.system(SystemError(code: ErrorNumber.noMemory, call: "malloc"))))
        }
        job.pointee.exclusive = exclusive
        job.pointee.keep_version = keepingVersions
        ContentFile.set(limits, in: job)
        job.pointee.now = clock.now
        let isUnset = clock.state == .unset
        if let known { describe(directory.files[known], in: job) }
        let classification = octets.withUnsafeBytes { Classification.classify($0, size: $0.count) } ?? .other
        beginWrite()
        let taken = submit(job) { [unowned(unsafe) self] in
            let result = written(directory, name, job, classification)
            if isUnset, case .success(let entry) = result { noteUnset(entry.modificationTime) }
            free(job)
            endWrite()
            completion(result)
            pump()
        }
        guard !taken else { return }
        free(job)
        endWrite()
        completion(.failure(.busy))
    }

    /// What the previous content is known to be, so that it is hashed again only when it changed.
    func describe(_ record: UnsafeMutablePointer<Record>, in job: UnsafeMutablePointer<maud_put>) {
        guard record.pointee.audience != Audiences.unknown else { return }
        job.pointee.previous_is_known = true
        job.pointee.previous.size = record.pointee.size
        job.pointee.previous.modification_time = record.pointee.modificationTime
        job.pointee.previous.change_time = record.pointee.changeTime
        job.pointee.previous.inode = record.pointee.inode
        Store.set(&job.pointee.previous_sum, to: record.pointee.sum)
    }

    /// The worker has written a file, or failed to: the index follows.
    func written(_ directory: Directory, _ name: FileName, _ job: UnsafeMutablePointer<maud_put>, _ classification: Classification) -> Result<Entry, ContentError> {
        let table = directory.files
        var known = name.octets.withUnsafeBytes { table.find($0) }
        if job.pointee.outcome.error != 0 {
            // A hard link that was made and removed again changed the old file's change time.
            if let known { recheck(directory, table, known, .other) }
            return .failure(ContentError(job.pointee.outcome.error, ContentFile.call(job.pointee.outcome.call), name))
        }
        if job.pointee.kept { addVersion(directory, name, known, job) }
        if known == nil { known = name.octets.withUnsafeBytes { table.insert($0) } }
        guard let index = known else { return .failure(.directoryFull(limit: limits.files)) }
        accept(directory, table, index, job.pointee.status, Store.sum(job.pointee.sum), classification)
        table[index].pointee.flags.insert(.seen)
        if directory.fingerprint == own { counters.published += 1 }
        let entry = directory.entry(index, in: table)
        if job.pointee.keep_version { watchVersions(directory, name) }
        // Another program may have replaced it since.
        recheck(directory, table, index, .other)
        return .success(entry)
    }

    /// The previous content, now a version: known already, unless another program had just changed it.
    private func addVersion(_ directory: Directory, _ name: FileName, _ previous: UInt16?, _ job: UnsafeMutablePointer<maud_put>) {
        let sum = Store.sum(job.pointee.version_sum), table = directory.versions
        let audience = previous.map { directory.files[$0].pointee.sum == sum ? directory.files[$0].pointee.audience : Audiences.unknown } ?? Audiences.unknown
        guard audience != Audiences.unknown else { return requestScan(directory, name.octets) }
        let index = name.octets.withUnsafeBytes { table.find($0, sum) ?? table.insert($0, sum: sum) }
        guard let index else { return }
        audiences.retain(audience)
        audiences.release(table[index].pointee.audience)
        table.unlist(index)
        table.setSize(index, job.pointee.version_status.size)
        table[index].pointee.set(job.pointee.version_status)
        table[index].pointee.audience = audience
        table[index].pointee.flags.insert(.seen)
        if audience > Audiences.nobody { table.list(index) }
    }

    /// The first version makes the directory: from then on it is watched, and what is in it already is looked at.
    private func watchVersions(_ directory: Directory, _ name: FileName) {
        if watch(directory, name.octets) { requestScan(directory, name.octets) }
    }

    /// Removes files of the own directory in the order given: what retention calls, oldest first. One fsync for all.
    /// Versions stay. `completion` gets how many are gone; those not there count as gone.
    public func remove(_ names: [FileName], completion: @escaping (Result<Int, ContentError>) -> Void) {
        guard isReady, !isStopped, let directory = directory(own), directory.isScanned else { return completion(.failure(.notReady)) }
        guard let first = names.first else { return completion(.success(0)) }
        let paths = ContentFile.paths(names)
        guard let job = paths.withUnsafeBytes({ maud_removal_create(directory.handle, $0.baseAddress, $0.count) }) else {
            return completion(.failure(.system(SystemError(code: ErrorNumber.noMemory, call: "malloc"))))
        }
        beginWrite()
        let taken = submit(job) { [unowned(unsafe) self] in
            let removed = Int(job.pointee.removed), outcome = job.pointee.outcome
            for name in names.prefix(removed) {
                if let index = name.octets.withUnsafeBytes({ directory.files.find($0) }) { recheck(directory, directory.files, index, .other) }
            }
            counters.removed += removed
            free(job)
            endWrite()
            let failed = removed < names.count ? names[removed] : first
            completion(outcome.error == 0 ? .success(removed) : .failure(ContentError(outcome.error, ContentFile.call(outcome.call), failed)))
            pump()
        }
        guard !taken else { return }
        free(job)
        endWrite()
        completion(.failure(.busy))
    }
}
