import CLinux
import EventLoop
import Foundation
import OpenPGP
import System
import TestSupport
import Testing
@testable import Node

/// docs/commands.md, 6.4.
@Suite struct FriendDirectoriesTests {
    private let root = NSTemporaryDirectory() + "maud-friends-\(maud_process_id())-\(UInt32.random(in: 0...UInt32.max))"
    private let friend = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
    private let loop: EventLoop
    private let worker: Worker
    private let directories: FriendDirectories

    init() throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        loop = try EventLoop(clock: SystemClock())
        worker = try Worker(loop: loop)
        directories = FriendDirectories(root: root, worker: worker)
    }

    private func put(_ name: String, _ time: Int64) throws -> Bool {
        var isStored: Bool?
        directories.put(Array(name.utf8), [1, 2, 3], of: friend, now: time * nanosecondsPerSecond) { isStored = $0 }
        try worker.drain()
        return try #require(isStored)
    }
    private func names(_ directory: String) throws -> [String] { try TestSupport.names(inDirectory: root + "/" + directory) }

    /// Files that were there, a second apart.
    private func fill(_ directory: String, _ names: [String]) throws {
        try FileManager.default.createDirectory(atPath: root + "/" + directory, withIntermediateDirectories: true)
        for (index, name) in names.enumerated() {
            let path = root + "/" + directory + "/" + name
            try Files.write([1], to: path)
            #expect(maud_set_modification_time(Files.currentDirectory, path, Int64(1000 + index) * nanosecondsPerSecond) == 0)
        }
    }

    @Test func nothingIsReplaced() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        #expect(!directories.has(Array("c.pgp".utf8), of: friend))
        #expect(try put("c.pgp", 5))
        #expect(directories.has(Array("c.pgp".utf8), of: friend))
        #expect(try !put("c.pgp", 6))
        #expect(try names("") == ["." + friend.description], "nobody is followed")
        try fill(friend.description, [])
        #expect(!directories.has(Array("c.pgp".utf8), of: friend))
        #expect(try put("c.pgp", 7))
        #expect(try names(friend.description) == ["c.pgp"])
    }

    /// The oldest tenth goes; in a followed directory of the commands alone.
    @Test func theNewestAreKept() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let old = (0..<Bounds.storedCommands).map { "c-\(10_000 + $0).json.pgp" }
        try fill("." + friend.description, old)
        for index in 0..<64 { #expect(try put("c-\(20_000 + index).json.pgp", 100_000)) }
        #expect(try names("." + friend.description) == old.dropFirst(64 + Bounds.storedCommands / 10) + (0..<64).map { "c-\(20_000 + $0).json.pgp" })
        let readings = (0..<50).map { "r-t-\($0).json.pgp" }
        try fill(friend.description, readings + old)
        for index in 0..<64 { #expect(try put("c-\(20_000 + index).json.pgp", 100_000)) }
        let left = try names(friend.description)
        #expect(left.filter { $0.hasPrefix("r-") }.count == 50)
        #expect(left.count == 50 + Bounds.storedCommands - Bounds.storedCommands / 10 && !left.contains(old[163]) && left.contains(old[164]))
    }
}
