import CLinux
import EventLoop
import Foundation
import System
import TestSupport
import Testing
@testable import Central

/// Calls to a daemon that is not there: the bus itself, a real one, answers each with an error.
@Suite(.serialized, .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/dbus-daemon"), "needs dbus-daemon")) struct CentralTests {
    /// A bus of the test's own, which Central takes for the system's.
    private final class Bus {
        let directory = "/tmp/maud-central-\(maud_process_id())"
        private let pid: Int32
        private var output: Int32 = -1

        init() throws {
            try Files.makeDirectory(directory)
            let configuration = "<busconfig><type>system</type><listen>unix:path=\(directory)/bus</listen><auth>EXTERNAL</auth>"
                + "<policy context=\"default\"><allow user=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>"
            try Files.write(Array(configuration.utf8), to: directory + "/bus.conf")
            let line: [String] = ["/usr/bin/dbus-daemon", "--config-file=\(directory)/bus.conf", "--nofork", "--print-address"]
            var words: [UnsafePointer<CChar>?] = []
            for word in line { words.append(UnsafePointer(strdup(word))) }
            words.append(nil)
            defer { for word in words { free(UnsafeMutableRawPointer(mutating: word)) } }
            pid = maud_spawn(words, &output)
            try #require(pid > 0)
            setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=\(directory)/bus", 1)
            // It says where it listens as soon as it does.
            let loop = try EventLoop(clock: SystemClock())
            try loop.add(output, .read) { _ in }
            try loop.runOnce(wait: true)
        }

        deinit {
            unsetenv("DBUS_SYSTEM_BUS_ADDRESS")
            _ = maud_kill(pid, SIGTERM)
            _ = maud_wait(pid)
            _ = maud_close(output)
            try? Files.removeTree(directory)
        }
    }

    /// On a BlueZ without descriptors each fragment is a call: whatever one leaves behind, a file leaves a thousand times.
    @Test func aCallLeavesNothingBehind() throws {
        let bus = try Bus(), loop = try EventLoop(clock: SystemClock()), central = Central(loop: loop)
        central.start()
        defer { central.stop() }
        while central.state == .asking { try loop.runOnce(wait: true) }
        try #require(central.state == .noDaemon)
        func call(_ count: Int) throws {
            for number in 0..<count {
                var answer: CallResult?
                [UInt8](repeating: 7, count: 100).withUnsafeBytes { octets in
                    central.call(number % 2 == 0 ? .write("/org/bluez/hci0/dev/service/in", octets) : .read("/org/bluez/hci0/dev/service/node")) { answer = $0 }
                }
                while answer == nil { try loop.runOnce(wait: true) }
                guard case .failure(let error) = answer else {
                    Issue.record("it was answered")
                    return
                }
                #expect(error.name == "org.freedesktop.DBus.Error.NameHasNoOwner")
            }
        }
        try call(100) // what is made once, and kept
        let before = allocated(), calls = 2000
        try call(calls)
        let each = Double(allocated() - before) / Double(calls)
        measured("memory that a call of Central leaves behind", each, "octets", limit: 20, how: "malloc_info, over \(calls) calls to a daemon that is not there")
        #expect(each < 20, "of \(calls) calls; the slot of one and what it holds are some hundred octets")
        withExtendedLifetime(bus) {}
    }

    /// Octets that malloc has given out and not got back. The corresponding C function is `malloc_info`, whose totals stand behind its heaps.
    private func allocated() -> Int {
        typealias Function = @convention(c) (Int32, UnsafeMutablePointer<FILE>?) -> Int32
        var text: UnsafeMutablePointer<CChar>?, count = 0
        let file = open_memstream(&text, &count)
        #expect(unsafeBitCast(dlsym(nil, "malloc_info"), to: Function.self)(0, file) == 0)
        fclose(file)
        defer { free(text) }
        let totals = String(cString: text!).split(separator: "</heap>").last!.split(separator: "\n")
        func size(_ type: String) -> Int {
            totals.last { $0.contains("type=\"\(type)\"") }?.split(separator: "size=\"").last.flatMap { Int($0.prefix { $0 != "\"" }) } ?? 0
        }
        return size("current") - size("fast") - size("rest")
    }
}
