import CLinux
import EventLoop
import Glibc
import System
import Testing
@testable import Server

/// A few tests over real sockets; curl is the client where the client matters.
@Suite struct SocketTests {
    /// Runs curl while the loop turns; returns its output and exit status.
    private func curl(_ harness: Harness, _ arguments: [String]) throws -> (Int32, [UInt8]) {
        let words = ["/usr/bin/curl", "-s", "--max-time", "20"] + arguments
        var pointers: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0)) }
        pointers.append(nil)
        defer { for pointer in pointers { free(UnsafeMutableRawPointer(mutating: pointer)) } }
        var output: Int32 = -1
        let pid = maud_spawn(pointers, &output)
        try #require(pid > 0)
        defer { _ = maud_close(output) }
        var result: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65_536), hasEnded = false
        try harness.loop.add(output, .read) { _ in
            let count = maud_read(output, &buffer, buffer.count)
            if count > 0 { result += buffer[0..<count] } else if count == 0 { hasEnded = true }
        }
        while !hasEnded { try harness.loop.runOnce(wait: true) }
        harness.loop.remove(output)
        return (maud_wait(pid), result)
    }

    @Test func curlAgrees() throws {
        let large = publicFile(300_000, seed: 7)
        let harness = try Harness([("a.pgp", publicFile(1000), 1), ("large ü.pgp", large, 2)])
        let listener = try Listener(address: "127.0.0.1", port: 0, server: harness.server, loop: harness.loop)
        try listener.start()
        defer { listener.close() }
        let base = "http://127.0.0.1:\(listener.port)" + harness.base
        #expect(try curl(harness, [base + "/large%20%C3%BC.pgp"]) == (0, large))
        #expect(try curl(harness, ["-r", "5-9", base + "/large%20%C3%BC.pgp"]) == (0, Array(large[5...9])))
        #expect(try curl(harness, ["-0", base + "/a.pgp"]) == (0, publicFile(1000)))
        #expect(try curl(harness, ["-I", "-o", "/dev/null", "-w", "%{http_code} %header{content-length}", base + "/a.pgp"]).1.text == "200 1000")
        // Two requests on one connection.
        #expect(try curl(harness, ["-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects}%{http_code} ", base + "/a.pgp", base]).1.text == "1200 0200 ")
        #expect(try curl(harness, ["-o", "/dev/null", "-w", "%{http_code}", "-d", String(repeating: "x", count: 100_000), base + "/a.pgp"]).1.text == "405")
        #expect(try curl(harness, ["-o", "/dev/null", "-w", "%{http_code}", "-T", "/usr/bin/curl", base + "/a.pgp"]).1.text == "405")
        #expect(try curl(harness, ["-o", "/dev/null", "-w", "%{http_code}", "-z", "Fri, 15 Jan 2027 08:00:00 GMT", base + "/a.pgp"]).1.text == "304")
        #expect(try curl(harness, ["--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", base + "/../../etc/passwd"]).1.text == "404")
    }

    /// Without descriptors: an idle connection makes room; without an idle one the listener waits and does not spin.
    @Test func outOfDescriptors() throws {
        let harness = try Harness()
        let listener = try Listener(address: "127.0.0.1", port: 0, server: harness.server, loop: harness.loop)
        try listener.start()
        defer { listener.close() }
        let idle = harness.connect()
        let client = try connect(listener.port)
        defer { close(client) }
        var state = (pthread_self(), 2)
        maud_set_fault({ call, context in
            guard let call, let context, strcmp(call, "accept4") == 0 else { return 0 }
            let state = context.assumingMemoryBound(to: (pthread_t, Int).self)
            guard state.pointee.0 == pthread_self(), state.pointee.1 > 0 else { return 0 }
            state.pointee.1 -= 1
            return ErrorNumber.processFiles
        }, &state)
        defer { maud_set_fault(nil, nil) }
        try harness.loop.runOnce(wait: true)
        #expect(idle.isClosed && harness.server.counters.evicted == 1, "the first failure")
        #expect(harness.server.counters.acceptPauses == 1, "the second")
        #expect(try !harness.loop.runOnce(wait: false), "the listener is not looked at")
        try harness.advance(seconds: 1.1)
        try harness.loop.runOnce(wait: false)
        #expect(harness.server.openConnections == 1)
    }

    @Test func aPortInUseIsSaid() throws {
        let harness = try Harness()
        let listener = try Listener(address: "127.0.0.1", port: 0, server: harness.server, loop: harness.loop)
        try listener.start()
        defer { listener.close() }
        let error = #expect(throws: SystemError.self) { try Listener(address: "127.0.0.1", port: listener.port, server: harness.server, loop: harness.loop) }
        #expect(error?.code == ErrorNumber.addressInUse && error?.exitCode == .unavailable)
    }

    @Test func networks() {
        var address = maud_address()
        address.is_ipv6 = 1
        withUnsafeMutableBytes(of: &address.octets) { $0.copyBytes(from: [0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 9, 9, 9, 9, 9, 9, 9, 9]) }
        #expect(Network(address) == Network(prefix: 0x2001_0db8_0001_0002, isIPv6: true))
        address.is_ipv6 = 0
        withUnsafeMutableBytes(of: &address.octets) { $0.copyBytes(from: [192, 0, 2, 1]) }
        #expect(Network(address) == Network(prefix: 0xc000_0201, isIPv6: false))
    }

    private func connect(_ port: UInt16) throws -> Int32 {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) } }
        try #require(result == 0)
        return fd
    }
}
