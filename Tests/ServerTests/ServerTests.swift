import JSON
import System
import Testing
@testable import Server
import Streams

private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }
private func network(_ number: Int) -> Network { Network(prefix: UInt64(number), isIPv6: false) }

/// docs/http.md, section 6.
@Suite struct ServerTests {
    @Test func aSlowHeadGets408() throws {
        let harness = try Harness()
        let stream = harness.connect()
        try harness.advance(seconds: 30)
        stream.deliver("GET / HTTP/1.1\r\n")
        for _ in 0..<9 {
            try harness.advance(seconds: 1)
            stream.deliver("a: b\r\n")
        }
        #expect(stream.outbox.isEmpty, "still within its time")
        try harness.advance(seconds: 2)
        #expect(stream.responses().map(\.status) == [408] && stream.isFinished)
        #expect(harness.server.counters.timeouts == 1)
        try harness.advance(seconds: 3)
        #expect(stream.isClosed)
    }

    @Test func idleAndStalledConnectionsAreClosed() throws {
        let harness = try Harness([("a.pgp", publicFile(100_000), 1)])
        let idle = harness.connect(), stalled = harness.connect(room: 100), slow = harness.connect(room: 100)
        for stream in [stalled, slow] { stream.deliver(get(harness.base + "/a.pgp")) }
        for _ in 0..<2 {
            try harness.advance(seconds: 40)
            slow.makeRoom(10)
        }
        #expect(idle.isClosed && idle.outbox.isEmpty && stalled.isClosed && !slow.isClosed)
        #expect(harness.server.counters.timeouts == 1, "being idle is no fault")
        slow.makeRoom(.max)
        #expect(slow.responses().first?.body.count == 100_000)
    }

    @Test func noTimerWhileThereIsNothingToWaitFor() throws {
        let harness = try Harness()
        #expect(harness.loop.nextDeadline == nil)
        let stream = harness.connect()
        stream.deliver(get("/x"))
        #expect(harness.loop.nextDeadline != nil)
        stream.end()
        try harness.advance(seconds: 61)
        #expect(stream.isClosed && harness.loop.nextDeadline == nil)
    }

    /// A busy connection costs no wake-up: its timer is looked at once in a whole idle time.
    @Test func requestsDoNotMoveTheTimer() throws {
        let harness = try Harness()
        let stream = harness.connect()
        let deadline = harness.loop.nextDeadline
        for _ in 0..<50 {
            try harness.advance(seconds: 1)
            stream.deliver(get("/x"))
            #expect(harness.loop.nextDeadline == deadline)
        }
        try harness.advance(seconds: 12)
        #expect(!stream.isClosed)
    }

    @Test func aListingThatNobodyAsksForIsLetGo() throws {
        let harness = try Harness([("a.pgp", publicFile(100), 1)])
        let stream = harness.connect()
        stream.deliver(get(harness.base))
        stream.end()
        #expect(harness.loop.nextDeadline != nil && harness.server.listings.count == 1)
        try harness.advance(seconds: 62)
        #expect(harness.loop.nextDeadline == nil && harness.server.listings.count == 0)
    }

    @Test func whenFullTheLongestIdleMakesRoom() throws {
        let harness = try Harness([("a.pgp", publicFile(100_000), 1)])
        var streams: [MemoryStream] = []
        for number in 0..<Bounds.connections - Bounds.connectionsForFriends {
            streams.append(harness.connect(network: network(number / 8)))
            try harness.advance(seconds: 0.1)
        }
        streams[0].deliver(get("/x"))
        streams[1].deliver("GET")
        let new = harness.connect(network: network(99))
        #expect(streams[2].isClosed && streams.count(where: { $0.isClosed }) == 1 && !new.isFinished)
        #expect(harness.server.openConnections == streams.count && harness.server.counters.evicted == 1)
        new.deliver(get(harness.base + "/a.pgp"))
        #expect(new.responses().first?.status == 200)
    }

    @Test func whenNoneIsIdleTheNewOneGets503() throws {
        let harness = try Harness()
        let busy = (0..<Bounds.connections - Bounds.connectionsForFriends).map { number in
            let stream = harness.connect(network: network(number))
            stream.deliver("GET")
            return stream
        }
        let refused = (0..<Bounds.refusedConnections).map { harness.connect(network: network(100 + $0)) }
        for stream in refused {
            let response = try #require(stream.responses().first)
            #expect(response.status == 503 && response.fields["retry-after"] == "1" && response.fields["connection"] == "close" && stream.isFinished)
        }
        let beyond = harness.connect(network: network(200))
        #expect(beyond.isClosed && beyond.outbox.isEmpty)
        #expect(busy.allSatisfy { !$0.isClosed } && harness.server.counters.refused == UInt64(Bounds.refusedConnections + 1))
        try harness.advance(seconds: 4)
        #expect(refused.allSatisfy(\.isClosed) && harness.server.openConnections == busy.count)
    }

    @Test func eachNetworkHasItsBound() throws {
        let harness = try Harness()
        let streams = (0..<Bounds.connectionsPerAddress).map { _ in harness.connect(network: network(1)) }
        for stream in streams.dropFirst() { stream.deliver("GET") }
        let other = harness.connect(network: network(2)), unbounded = harness.connect()
        _ = harness.connect(network: network(1))
        #expect(streams[0].isClosed && !other.isClosed && !unbounded.isClosed)
    }

    @Test func aFullNetworkWithoutIdleGets503() throws {
        let harness = try Harness()
        _ = harness.connect(network: network(2))
        for _ in 0..<Bounds.connectionsPerAddress { harness.connect(network: network(1)).deliver("GET") }
        #expect(harness.connect(network: network(1)).responses().map(\.status) == [503])
        #expect(harness.server.counters.evicted == 0)
    }

    /// Receivers that are slower than the directory changes do not fill the memory with old listings.
    @Test func outdatedListingsAreBounded() throws {
        let harness = try Harness((0..<300).map { ("f-\($0).pgp", publicFile(40), Int64($0)) })
        var slow: [MemoryStream] = []
        for number in 0..<Bounds.listings + 3 {
            try harness.advance(seconds: 0.01)
            try harness.add("n-\(number).pgp", publicFile(50), Int64(1000 + number))
            let stream = harness.connect(room: 20_000)
            stream.deliver(get(harness.base))
            slow.append(stream)
        }
        #expect(slow.prefix(3).allSatisfy(\.isClosed) && slow.dropFirst(3).allSatisfy { !$0.isClosed })
        #expect(harness.server.listings.count == Bounds.listings && harness.server.counters.listingsAborted == 3)
        for stream in slow { stream.makeRoom(.max) }
        #expect(slow.last?.responses().first?.body.suffix(1).elementsEqual("]".utf8) == true)
        #expect(try harness.request("GET", harness.base).status == 200)
    }

    /// docs/http.md, 5.4
    @Test func atTheEndResponsesOnTheirWayAreFinished() throws {
        let harness = try Harness([("a.pgp", publicFile(100_000), 1)])
        let idle = harness.connect(), half = harness.connect(), slow = harness.connect(room: 100), stuck = harness.connect(room: 100)
        half.deliver("GET / HTTP/1.1\r\n")
        for stream in [slow, stuck] { stream.deliver(get(harness.base + "/a.pgp") + get("/behind")) }
        harness.server.finish()
        #expect(idle.isClosed && half.isClosed && half.outbox.isEmpty && !slow.isClosed && harness.server.openConnections == 2)
        try harness.advance(seconds: 1)
        slow.makeRoom(.max)
        #expect(slow.isFinished && slow.responses().map(\.body.count) == [100_000], "whole, and nothing behind it")
        slow.end()
        #expect(slow.isClosed && harness.server.openConnections == 1)
        try harness.advance(seconds: 0.9)
        #expect(!stuck.isClosed)
        try harness.advance(seconds: 0.2)
        #expect(stuck.isClosed && harness.server.openConnections == 0)
    }

    @Test func counters() throws {
        let harness = try Harness([("a.pgp", publicFile(100), 1)])
        let stream = harness.connect()
        stream.deliver(get(harness.base + "/a.pgp") + get("/x") + "GET \(harness.base)/a.pgp HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n")
        var writer = JSONWriter()
        harness.server.counters.write(to: &writer, openConnections: harness.server.openConnections)
        #expect(writer.bytes.text == #"{"requests":3,"status2xx":1,"status3xx":1,"status4xx":1,"status5xx":0,"connections":1,"openConnections":1,"refused":0,"evicted":0,"timeouts":0,"floods":0,"acceptPauses":0,"listingsRendered":0,"listingsAborted":0,"octetsSent":\#(stream.outbox.count)}"#)
    }
}
