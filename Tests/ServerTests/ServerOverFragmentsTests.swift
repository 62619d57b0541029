import Bluetooth
import TestSupport
import Testing
@testable import Server
import Streams

/// The server over fragments: the numbers with real response heads.
@Suite struct ServerOverFragmentsTests {
    /// A client that says what a test tells it, and counts notifications.
    private final class Carrier: FragmentCarrier {
        unowned(unsafe) var user: (any FragmentCarrierUser)?
        let largestFragment: Int
        private(set) var notifications: [[UInt8]] = []
        init(mtu: Int) { largestFragment = Fragment.size(forMTU: mtu) }
        func send(_ fragment: UnsafeRawBufferPointer) -> CarrierProgress {
            notifications.append(Array(fragment))
            return .sent
        }
        func waitToSend() {}
        func close() {}
        func write(_ octets: [UInt8]) { octets.withUnsafeBytes { user?.carrierReceived($0) } }
    }

    private func turn(_ harness: Harness) throws { for _ in 0..<10 { try harness.advance(seconds: 0.000_001) } }

    @Test(arguments: [(247, 4), (517, 2)]) func aFileOf550Octets(_ mtu: Int, _ most: Int) throws {
        let harness = try Harness([("r-temperature-000000000001.json.pgp", publicFile(550), 1_700_000_000_000_000_000)])
        let carrier = Carrier(mtu: mtu)
        let link = GATTLink(over: carrier, loop: harness.loop) { harness.server.accept($0) }
        carrier.write([0xF1, 0, 0, 1, 0xEF, 1, 1, 2, 3, 4])
        #expect(carrier.notifications.count == 1)
        let first = carrier.notifications[0][1]
        let request = Array("GET \(harness.base)/r-temperature-000000000001.json.pgp HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for (number, start) in stride(from: 0, to: request.count, by: carrier.largestFragment - 3).enumerated() {
            carrier.write([0xF8, UInt8(number), first] + request[start...].prefix(carrier.largestFragment - 3))
        }
        try turn(harness)
        let answers = carrier.notifications.dropFirst()
        let response = Response.parse(answers.flatMap { Array($0[3...]) })
        #expect(response.first?.status == 200 && response.first?.body.count == 550 && response.first?.fields["date"] != nil)
        measured("notifications for a file of 550 octets at MTU \(mtu)", Double(answers.count), "notifications", limit: Double(most),
                 how: "the server's own response, with a head of \(answers.map { $0.count - 3 }.reduce(0, +) - 550) octets")
        #expect(answers.count <= most)
        link.close()
    }

    /// What goes by sendfile, and in what pieces: none but the last is less than full.
    @Test func aLargeFile() throws {
        let harness = try Harness([("a.pgp", publicFile(30_000), 1)])
        let carrier = Carrier(mtu: 247)
        let link = GATTLink(over: carrier, loop: harness.loop) { harness.server.accept($0) }
        carrier.write([0xF1, 0, 0, 1, 0xEF, 1, 1, 2, 3, 4])
        let first = carrier.notifications[0][1]
        carrier.write([0xF8, 0, first] + Array("GET \(harness.base)/a.pgp HTTP/1.1\r\nHost: a\r\n\r\n".utf8.prefix(200)))
        var acknowledged = 0
        for _ in 0..<40 {
            try turn(harness)
            acknowledged = carrier.notifications.count - 1
            carrier.write([0xF0, 1, first &+ UInt8(truncatingIfNeeded: acknowledged)])
        }
        let answers = carrier.notifications.dropFirst()
        #expect(Response.parse(answers.flatMap { Array($0[3...]) }).first?.body == publicFile(30_000))
        #expect(answers.dropLast().allSatisfy { $0.count == 244 })
        // The stream is idle, but for the server's own timer.
        #expect(!link.isBusy || link.stream?.ending == nil)
        link.close()
    }
}
