// Temporary: replaced by Content, whose interface it copies.
import CLinux
import OpenPGP
import System

public struct Entry {
    public let size: Int64
    public let modificationTime: Int64
    public let sum: SHA256Sum
    public let isPublic: Bool
    let name: [UInt8]
    public var cursor: Cursor { Cursor(modificationTime: modificationTime, sum: sum) }
}
public struct Cursor: Equatable, Sendable {
    public let modificationTime: Int64
    public let sum: SHA256Sum
    public init(modificationTime: Int64, sum: SHA256Sum) { self.modificationTime = modificationTime; self.sum = sum }
}

public final class Directory {
    public let fingerprint: Fingerprint
    public var generation: UInt64 = 1
    var entries: [Entry] = []
    let fd: Int32
    var last = 0
    public init(path: String, fingerprint: Fingerprint) throws(SystemError) {
        self.fingerprint = fingerprint
        fd = try FileDescriptor.open(path, [.read, .directory]).release()
        try scan()
    }
    public func scan() throws(SystemError) {
        entries = []
        try Files.forEachName(inDirectory: fd) { (name) throws(SystemError) in
            let text = String(cString: name)
            guard let status = try Files.status(text, in: fd), status.kind == UInt32(MAUD_FILE_REGULAR) else { return true }
            let bytes = try Files.read(text, limit: 64 << 20, in: fd)
            entries.append(Entry(size: status.size, modificationTime: status.modification_time, sum: SHA256Sum(of: bytes), isPublic: true, name: Array(text.utf8)))
            return true
        }
        entries.sort { $0.modificationTime < $1.modificationTime }
        generation += 1
    }
    public var count: Int { entries.count }
    public func entry(_ name: UnsafeRawBufferPointer) -> Entry? {
        if last < entries.count, entries[last].name.elementsEqual(name) { return entries[last] }
        var low = 0
        while low < entries.count { if entries[low].name.elementsEqual(name) { last = low; return entries[low] }; low += 1 }
        return nil
    }
    public func version(of name: UnsafeRawBufferPointer, sum: SHA256Sum) -> Entry? {
        guard let entry = entry(name), entry.sum == sum else { return nil }
        return entry
    }
    public func forEach(after: Cursor? = nil, since: Int64 = .min, limit: Int = .max, _ body: (UnsafeRawBufferPointer, Entry) -> Bool) {
        for entry in entries where entry.modificationTime >= since {
            if let after, entry.modificationTime <= after.modificationTime { continue }
            guard entry.name.withUnsafeBytes({ body($0, entry) }) else { return }
        }
    }
    public func openFile(_ entry: Entry) -> FileDescriptor? {
        let path = entry.name + [0]
        let r = path.withUnsafeBufferPointer { $0.withMemoryRebound(to: CChar.self) { maud_openat(fd, $0.baseAddress, Int32(MAUD_READ | MAUD_NOFOLLOW | MAUD_NONBLOCK), 0) } }
        return r < 0 ? nil : FileDescriptor(owning: r)
    }
}
public final class Store {
    var directories: [Directory] = []
    public init(_ directories: [Directory]) { self.directories = directories }
    public func directory(_ fingerprint: Fingerprint) -> Directory? { directories.first { $0.fingerprint == fingerprint } }
}
