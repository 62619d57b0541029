import CLinux
import EventLoop
import OpenPGP
import System
import Testing
@testable import Content

/// One after the other: the fault hook is one for the process, and a process that one test forks holds the files that another
/// is writing open a little longer.
@Suite(.serialized) struct StoreTests {}

final class SimulatedClock: Clock {
    var realtime: Int64 = 0
    var sinceBoot: Int64 = 0
}

/// Data files of Tests/Fixtures, made by other programs.
func fixture(_ path: String, _ file: StaticString = #filePath) throws -> [UInt8] {
    try Files.read(fixturePath(path, file), limit: 1 << 20)
}

func fixturePath(_ path: String, _ file: StaticString = #filePath) -> String {
    var parts = "\(file)".split(separator: "/").map(String.init)
    parts.removeLast(2)
    return "/" + parts.joined(separator: "/") + "/Fixtures/" + path
}

let gina = Fingerprint("3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c")!
let alice = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!

/// A signed message as far as classification looks: one-pass signature, literal, a signature that nobody verifies.
func signed(_ text: String) -> [UInt8] {
    let body = [0x62, 0, 0, 0, 0, 0] + Array(text.utf8)
    return [0xC4, 13, 3, 0, 8, 22] + [UInt8](repeating: 1, count: 8) + [1]
        + [0xCB, 0xFF, 0, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body + [0xC2, 2, 4, 0]
}

/// A message to one key, as far as classification looks.
func encrypted(_ text: String, to key: UInt8) -> [UInt8] {
    [0xC1, 11, 3, 0, 0, 0, 0, 0, 0, 0, key, 18, 0, 0xD2, UInt8(text.utf8.count + 1), 1] + Array(text.utf8)
}

/// A Mau directory of its own for one test, with everything that a store needs; removed at the end.
final class Workshop {
    let path: String
    let loop: EventLoop
    let worker: Worker
    let kernel: SimulatedClock?
    let clock: NodeClock
    var store: Store
    private static nonisolated(unsafe) var counter = 0

    /// - Parameter kernel: a clock that the test sets; the kernel's own when left out.
    init(in base: String = "/tmp", kernel: SimulatedClock? = nil, floor: Int64 = 0, limits: Store.Limits = Store.Limits(), prepare: (String) throws -> Void = { _ in }) throws {
        Workshop.counter += 1
        path = base + "/maud-content-\(maud_process_id())-\(Workshop.counter)-\(Random.octets(4).map { String($0) }.joined())"
        try Files.makeDirectory(path)
        try Files.makeDirectory(path + "/root")
        try prepare(path + "/root")
        loop = try EventLoop(clock: SystemClock())
        worker = try Worker(loop: loop)
        self.kernel = kernel
        clock = NodeClock(clock: kernel ?? SystemClock(), floor: floor)
        store = try Store(root: path + "/root", state: path + "/state", own: gina, loop: loop, worker: worker, clock: clock, limits: limits)
    }

    deinit {
        store.stop()
        try? worker.stop()
        try? Files.removeTree(path)
    }

    /// Ends the store and opens the same directory with a new one.
    func restart(cleanly: Bool = true, limits: Store.Limits = Store.Limits()) throws {
        if cleanly { store.stop() } else {
            store.changesSinceSave = 0
            store.stop()
        }
        store = try Store(root: path + "/root", state: path + "/state", own: gina, loop: loop, worker: worker, clock: clock, limits: limits)
    }

    /// Starts the store and lets it examine everything.
    @discardableResult
    func started() throws -> Directory {
        var isReady = false
        try store.start { isReady = true }
        while !isReady { try loop.runOnce(wait: true) }
        return try settled()
    }

    /// Runs the loop until nothing is left to do.
    @discardableResult
    func settled() throws -> Directory {
        while try worker.pending > 0 || store.isExamining || !store.scans.isEmpty || store.isScanning || loop.runOnce(wait: false) {
            if worker.pending > 0 { try loop.runOnce(wait: true) }
        }
        return try #require(store.directory(gina))
    }

    /// Runs the loop until something holds.
    func loopUntil(_ holds: () -> Bool) throws { while !holds() { try loop.runOnce(wait: true) } }

    @discardableResult
    func put(_ name: String, _ octets: [UInt8], keepingVersions: Bool = false, exclusive: Bool = false) throws -> Entry {
        var result: Result<Entry, ContentError>?
        store.put(try FileName(name), octets, keepingVersions: keepingVersions, exclusive: exclusive) { result = $0 }
        while result == nil { try loop.runOnce(wait: true) }
        return try #require(result).get()
    }

    var own: String { path + "/root/" + gina.description }
}

extension Directory {
    func entry(_ name: String) -> Entry? { Array(name.utf8).withUnsafeBytes { entry($0) } }
    func version(of name: String, sum: SHA256Sum) -> Entry? { Array(name.utf8).withUnsafeBytes { version(of: $0, sum: sum) } }
    /// The names of the listing.
    var listing: [String] {
        var names: [String] = []
        forEach { name, _ in names.append(String(decoding: name, as: UTF8.self)); return true }
        return names
    }
    /// The whole content that is served for a name.
    func served(_ name: String) throws -> [UInt8]? { try entry(name).flatMap { try contents($0) } }
    func contents(_ entry: Entry) throws -> [UInt8]? {
        guard let file = openFile(entry) else { return nil }
        return try file.readToEnd(limit: 1 << 20)
    }
}

func setTime(_ path: String, _ nanoseconds: Int64) { _ = maud_set_modification_time(Files.currentDirectory, path, nanoseconds) }

let second: Int64 = 1_000_000_000

/// In a process just forked: lets go of the files that other tests were writing at that moment.
@inline(never)
func closeInherited(except first: Int32, _ second: Int32) {
    for fd in Int32(3)..<1024 where fd != first && fd != second { _ = maud_close(fd) }
}
