import CLinux
import EventLoop
import OpenPGP
import System

/// Puts files into the directories of friends: `<root>/<fingerprint>` when it is there (the friend is followed), else
/// `<root>/.<fingerprint>`, which follows nobody and is made when the first file comes. Of these all files are commands, of the followed ones
/// those that are named so: the newest are kept.
final class FriendDirectories {
    private let root: String
    private let worker: Worker
    /// Files put since a directory was last looked through.
    private var stored = 0
    private static let storedBeforeLook = 64

    init(root: String, worker: Worker) {
        self.root = root
        self.worker = worker
    }

    private func followed(_ friend: Fingerprint) -> String { root + "/" + friend.description }
    private func unfollowed(_ friend: Fingerprint) -> String { root + "/." + friend.description }

    private func isDirectory(_ path: String) -> Bool {
        guard let status = try? Files.status(path, follow: false) else { return false }
        return status.kind == UInt32(MAUD_FILE_DIRECTORY)
    }

    func has(_ name: [UInt8], of friend: Fingerprint) -> Bool {
        let directory = isDirectory(followed(friend)) ? followed(friend) : unfollowed(friend)
        do throws(SystemError) { return try Files.status(directory + "/" + name.text, follow: false) != nil } catch { return true }
    }

    /// Puts a file that is not there: durable when `done` is called with true.
    func put(_ name: [UInt8], _ octets: [UInt8], of friend: Fingerprint, now: Int64, done: @escaping (Bool) -> Void) {
        let isFollowed = isDirectory(followed(friend)), path = isFollowed ? followed(friend) : unfollowed(friend)
        if !isFollowed { try? Files.makeDirectory(path) }
        var handle: OpaquePointer?
        guard maud_store_directory_open(Files.currentDirectory, path, &handle) == 0, let handle else { return done(false) }
        let job = name.withUnsafeBytes { name in octets.withUnsafeBytes { maud_put_create(handle, name.baseAddress, name.count, $0.baseAddress, $0.count) } }
        guard let job else {
            maud_store_directory_close(handle)
            return done(false)
        }
        job.pointee.exclusive = true
        job.pointee.now = now
        submit(job, handle) { [unowned(unsafe) self] in
            let isStored = job.pointee.outcome.error == 0
            if isStored { look(path, isFollowed) }
            done(isStored)
        }
    }

    /// Runs a job; frees it and the directory afterwards. A worker with too much to do counts as a failure.
    private func submit(_ job: UnsafeMutablePointer<maud_put>, _ handle: OpaquePointer, then: @escaping () -> Void) {
        let raw = UnsafeMutableRawPointer(job).assumingMemoryBound(to: maud_job.self)
        let finish = {
            then()
            maud_store_free(raw)
            maud_store_directory_close(handle)
        }
        do throws(SystemError) { try worker.submit(raw, completion: finish) } catch {
            job.pointee.outcome.error = error.code
            finish()
        }
    }

    // MARK: Keeping within the bound

    /// Whether a file has the name of a command, as those have that come by sync.
    static func isCommand(_ name: [UInt8]) -> Bool { name.starts(with: Array<UInt8>("c-")) && name.suffix(9).elementsEqual(Array<UInt8>(".json.pgp")) }

    /// Now and then the directory is looked through.
    private func look(_ path: String, _ isFollowed: Bool) {
        stored += 1
        guard stored >= FriendDirectories.storedBeforeLook else { return }
        stored = 0
        var handle: OpaquePointer?
        guard maud_store_directory_open(Files.currentDirectory, path, &handle) == 0, let handle else { return }
        let here: [UInt8] = [0x2E]
        guard let scan = here.withUnsafeBytes({ maud_scan_create(handle, $0.baseAddress, $0.count) }) else { return maud_store_directory_close(handle) }
        look(scan, handle, [], isFollowed)
    }

    private struct Found {
        let name: [UInt8]
        let time: Int64
    }

    private func look(_ scan: UnsafeMutablePointer<maud_scan>, _ handle: OpaquePointer, _ files: [Found], _ isFollowed: Bool) {
        let raw = UnsafeMutableRawPointer(scan).assumingMemoryBound(to: maud_job.self)
        let end = {
            maud_store_free(raw)
            maud_store_directory_close(handle)
        }
        do throws(SystemError) {
            try worker.submit(raw) { [unowned(unsafe) self] in
                var files = files, status = maud_status()
                var name: UnsafePointer<CChar>?
                while maud_scan_next(scan, &status, &name) {
                    guard let name, status.kind == UInt32(MAUD_FILE_REGULAR), name[0] != 0x2E, files.count < 2 * Bounds.storedCommands else { continue }
                    let found = Array(String(cString: name).utf8)
                    if !isFollowed || FriendDirectories.isCommand(found) { files.append(Found(name: found, time: status.modification_time)) }
                }
                if scan.pointee.outcome.error == 0, !scan.pointee.is_complete { return look(scan, handle, files, isFollowed) }
                removeOldest(files, in: handle)
                end()
            }
        } catch { end() }
    }

    /// Removing a few files of ours does not block for long, and not having removed them does no harm.
    private func removeOldest(_ found: [Found], in handle: OpaquePointer) {
        guard found.count > Bounds.storedCommands else { return }
        var files = found
        sort(count: files.count, isLess: { files[$0].time < files[$1].time }, swap: { files.swapAt($0, $1) })
        let descriptor = maud_store_directory_descriptor(handle)
        for file in files[..<(found.count - Bounds.storedCommands + Bounds.storedCommands / 10)] { _ = maud_unlinkat(descriptor, file.name.text, false) }
    }
}
