@testable import Board
import CLinux
import EventLoop
import Foundation
import System
import TestSupport
import Testing

@Suite(.serialized) struct CommandSourceTests {
    private let tree: FakeTree
    private let bench: Bench
    init() throws {
        tree = try FakeTree()
        bench = try Bench()
    }

    private func run(_ body: String, seconds: Int = 20, arguments: [String] = []) throws -> Result<Int64, SensorFault> {
        let path = try tree.script("command", body)
        return try bench.read(.command(arguments: [path] + arguments, seconds: seconds, .none), tree)
    }

    @Test func theNumberThatItPrints() throws {
        #expect(try run("echo 21.5") == .success(21_500))
        #expect(try run("printf ' -3 degrees\\nmore\\n'") == .success(-3000))
        #expect(try run("echo \"$2\"", arguments: ["a b", "$(echo 7)"]) == .failure(.malformedValue))
        #expect(try run("echo \"$1\"", arguments: ["42", "x"]) == .success(42_000))
        #expect(try run("echo error 404") == .failure(.malformedValue))
        #expect(try run("true") == .failure(.malformedValue))
        #expect(try run("cat; echo 5") == .success(5000))
    }

    @Test func itsEndIsItsVerdict() throws {
        #expect(try run("echo 5; exit 3") == .failure(.exited(3)))
        #expect(try run("echo 5; kill -TERM $$") == .failure(.killed(15)))
        #expect(try run("exec 1>&-; exit 0") == .failure(.malformedValue))
        #expect(try run("echo 5; exec 1>&-; sleep 0.05; exit 4") == .failure(.exited(4)))
    }

    @Test func whatCannotRun() throws {
        #expect(try bench.read(.command(arguments: [tree.root + "/gone"], seconds: 1, .none), tree) == .failure(.sourceMissing))
        try tree.write("plain", "1")
        #expect(try bench.read(.command(arguments: [tree.root + "/plain"], seconds: 1, .none), tree) == .failure(.accessDenied))
        #expect(try bench.read(.command(arguments: [tree.root], seconds: 1, .none), tree) == .failure(.accessDenied))
        try tree.write("bad", "#!/nonexistent/interpreter\n")
        #expect(chmod(tree.root + "/bad", 0o755) == 0)
        #expect(try bench.read(.command(arguments: [tree.root + "/bad"], seconds: 5, .none), tree) == .failure(.exited(127)))
    }

    @Test func hugeOutputIsCutShort() throws {
        #expect(try run("echo 1; yes") == .failure(.tooMuchOutput))
        #expect(try run("head -c 4096 /dev/zero | tr '\\0' 1") == .failure(.outOfRange))
        #expect(try run("head -c 4097 /dev/zero | tr '\\0' 1") == .failure(.tooMuchOutput))
    }

    /// Whether a process lives: killed ones whose new parent has not reaped them are zombies.
    private func lives(_ pid: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        return !status.contains(") Z")
    }

    private func waitForEnd(of pid: Int32) -> Bool {
        for _ in 0..<2000 { if !lives(pid) { return true }; usleep(1000) }
        return false
    }

    @Test func afterTheTimeTheWholeGroupIsKilled() throws {
        let path = try tree.script("command", "sleep 1000 & echo $! > \(tree.root)/child; echo 5; exec 1>&-; wait")
        let reader = SensorReader(makeSensor(.command(arguments: [path], seconds: 1, .none)), paths: tree.paths, loop: bench.loop)
        let before = bench.clock.sinceBoot
        #expect(try bench.read(reader) == .failure(.timedOut(1)))
        let taken = bench.clock.sinceBoot - before
        #expect(taken >= nanosecondsPerSecond && taken < 3 * nanosecondsPerSecond)
        let child = try #require(Int32(String(decoding: Files.read(tree.root + "/child", limit: 20), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(waitForEnd(of: child))
        // Reaped as soon as the loop hears of it, and then ready again.
        try bench.loop.runOnce(wait: true)
        _ = try tree.script("command", "echo 6")
        #expect(try bench.read(reader) == .success(6000))
    }

    @Test func whatItLeavesRunningIsKilled() throws {
        #expect(try run("sleep 1000 & echo $! > \(tree.root)/child; echo 5") == .success(5000))
        let child = try #require(Int32(String(decoding: Files.read(tree.root + "/child", limit: 20), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(waitForEnd(of: child))
    }

    @Test func whileItRunsAFurtherReadingIsLeftOut() throws {
        let path = try tree.script("command", "echo $$ > \(tree.root)/pid; exec sleep 1000")
        let reader = SensorReader(makeSensor(.command(arguments: [path], seconds: 20, .none)), paths: tree.paths, loop: bench.loop)
        guard case .running = reader.begin(now: 0) else { Issue.record("not running"); return }
        guard case .busy = reader.begin(now: 1) else { Issue.record("not busy"); return }
        reader.stop()
        #expect(bench.loop.nextDeadline == nil)
    }

    @Test func withoutAProcessOrADescriptorItIsAFault() throws {
        let path = try tree.script("command", "echo 1")
        try withFaults({ $0 == "fork" ? ErrorNumber.again : 0 }) { () throws in
            #expect(try bench.read(.command(arguments: [path], seconds: 1, .none), tree) == .failure(.sourceFailed(ErrorNumber.again)))
        }
    }
}
