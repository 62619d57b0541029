import CLinux
import EventLoop
import Glibc
import System
import Testing
@testable import TLS

/// A program whose output the loop collects.
final class Program {
    let pid: Int32
    var output: [UInt8] = []
    var hasEnded = false
    private let descriptor: Int32
    private let loop: EventLoop

    init(_ words: [String], _ loop: EventLoop) throws {
        var pointers: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0)) }
        pointers.append(nil)
        defer { for pointer in pointers { free(UnsafeMutableRawPointer(mutating: pointer)) } }
        var descriptor: Int32 = -1
        pid = maud_spawn(pointers, &descriptor)
        self.descriptor = descriptor
        self.loop = loop
        try #require(pid > 0)
        try loop.add(descriptor, .read) { [unowned self] _ in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = maud_read(descriptor, &buffer, buffer.count)
            if count > 0 { output += buffer[..<count] } else if count == 0 { hasEnded = true; loop.remove(descriptor) }
        }
    }

    func end() -> Int32 {
        _ = maud_kill(-pid, SIGTERM)
        if !hasEnded { loop.remove(descriptor) }
        _ = maud_close(descriptor)
        return maud_wait(pid)
    }
}

/// A loop at the real time, for tests with other programs.
struct Workbench {
    let loop: EventLoop

    init() throws { loop = try EventLoop(clock: SystemClock()) }

    /// Turns the loop until `condition` holds; fails after 20 seconds.
    func turn(until condition: () -> Bool) throws {
        let deadline = loop.now + 20 * nanosecondsPerSecond
        let tick = Timer {}
        while !condition() {
            try #require(loop.now < deadline, "nothing happened for 20 s")
            if !tick.isScheduled { loop.schedule(tick, after: 50_000_000) }
            try loop.runOnce(wait: true)
        }
        loop.cancel(tick)
    }

    func freePort() throws -> UInt16 {
        let socket = FileDescriptor(owning: try check(maud_listen("127.0.0.1", 0, 1), "listen"))
        return UInt16(maud_local_port(socket.rawValue))
    }

    func context(_ user: String) throws -> TLSContext { try TLSContext(key: try signingKey(user), protocols: [.http1], loop: loop) }
}

extension String {
    func contains(_ other: String) -> Bool { utf8.indices.contains { utf8[$0...].starts(with: other.utf8) } }
}
