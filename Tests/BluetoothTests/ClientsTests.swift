@testable import Bluetooth
import EventLoop
import Glibc
import Streams
import System
import Testing

/// Clients as BlueZ tells of them, with the kernel's sockets and its other end here.
@Suite struct ClientsTests {
    /// One client's, or all clients', descriptors.
    private final class Central {
        let device: [UInt8]
        private(set) var out: Int32 = -1
        private(set) var input: Int32 = -1

        init(_ number: Int) { device = Array("/org/bluez/hci0/dev_\(number)".utf8) }
        deinit { leave() }

        static func pair() throws -> (Int32, Int32) {
            var descriptors: [Int32] = [0, 0]
            try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &descriptors) == 0)
            return (descriptors[0], descriptors[1])
        }

        func subscribes(_ clients: Clients, isApart: Bool = true) throws -> Bool {
            let (own, other) = try Central.pair()
            out = other
            return clients.subscribe(device, own, mtu: 247, isApart: isApart)
        }

        func begins(_ clients: Clients, as device: [UInt8]? = nil) throws -> Bool {
            let (own, other) = try Central.pair()
            input = other
            return clients.write(device ?? self.device, own)
        }

        func opens(_ identifier: UInt8) {
            let fragment: [UInt8] = [0xF1, 7, 0, 1, 244, 0, identifier, 2, 3, 4]
            send(input, fragment, fragment.count, 0)
        }

        func ends() {
            let close: [UInt8] = [4, 0, 0, 0]
            send(input, close, close.count, 0)
        }

        /// Kinds, and of close the reason.
        func hears() -> [[UInt8]] {
            var heard: [[UInt8]] = [], buffer = [UInt8](repeating: 0, count: 600)
            while case let count = recv(out, &buffer, 600, 0), count > 0 { heard.append(buffer[0] & 15 == 4 ? [4, buffer[3]] : [buffer[0] & 15]) }
            return heard
        }

        func leave() {
            for descriptor in [out, input] where descriptor >= 0 { close(descriptor) }
            (out, input) = (-1, -1)
        }
    }

    private let loop: EventLoop
    private let clients: Clients
    private let streams = Accepted()
    private final class Accepted { var all: [AnyObject] = [] }

    init() throws {
        loop = try EventLoop(clock: SystemClock())
        clients = Clients(loop: loop) { [streams] in streams.all.append($0) }
    }

    private func turn(until done: () -> Bool) throws {
        for _ in 0..<1000 where !done() { try loop.runOnce(wait: true) }
        #expect(done())
    }

    @Test func aStreamAndItsEnd() throws {
        let central = Central(1)
        #expect(try central.subscribes(clients) && central.begins(clients))
        central.opens(1)
        try turn { streams.all.count == 1 }
        #expect(central.hears() == [[1]] && clients.streams == 1 && clients.count == 1)
        central.leave()
        try turn { clients.count == 0 }
    }

    @Test func whoHasNotSubscribedIsRefused() throws {
        let one = Central(1), two = Central(2)
        #expect(try !two.begins(clients))
        #expect(try one.subscribes(clients) && !two.begins(clients))
    }

    @Test func aSecondStreamOnASharedDescriptorEndsBoth() throws {
        let central = Central(1)
        #expect(try central.subscribes(clients, isApart: false) && central.begins(clients))
        central.opens(1)
        try turn { clients.streams == 1 }
        central.opens(2)
        try turn { clients.counters.disputed == 1 }
        #expect(central.hears() == [[1], [4, 7]] && clients.streams == 0)
        central.opens(3)
        try turn { clients.streams == 1 }
        #expect(central.hears() == [[1]])
    }

    @Test func whoeverWritesOnASharedDescriptorIsHeard() throws {
        let central = Central(1)
        #expect(try central.subscribes(clients, isApart: false) && central.begins(clients, as: Central(2).device))
        central.opens(1)
        try turn { clients.streams == 1 }
    }

    @Test func aSecondSubscriptionShowsThatDescriptorsAreNotShared() throws {
        let one = Central(1), two = Central(2)
        #expect(try one.subscribes(clients, isApart: false) && one.begins(clients) && two.subscribes(clients, isApart: false) && two.begins(clients))
        one.opens(1)
        try turn { clients.streams == 1 }
        one.opens(2)
        try turn { streams.all.count == 2 }
        #expect(clients.counters.disputed == 0 && one.hears() == [[1], [1]])
    }

    @Test func aSubscriptionAfterTheFirstHasGoneShowsNothing() throws {
        let one = Central(1), two = Central(2)
        #expect(try one.subscribes(clients, isApart: false))
        one.leave()
        #expect(try two.subscribes(clients, isApart: false) && two.begins(clients))
        two.opens(1)
        try turn { clients.streams == 1 }
        two.opens(2)
        try turn { clients.counters.disputed == 1 }
    }

    @Test func places() throws {
        var centrals: [Central] = []
        for number in 0..<Bounds.bluetoothClients {
            centrals.append(Central(number))
            #expect(try centrals[number].subscribes(clients) && centrals[number].begins(clients))
            centrals[number].opens(1)
        }
        try turn { clients.streams == Bounds.bluetoothClients }
        let late = (0..<Bounds.bluetoothRefused).map { Central(100 + $0) }
        for one in late { #expect(try one.subscribes(clients) && one.begins(clients)) }
        let tooLate = Central(200)
        #expect(try !tooLate.subscribes(clients))
        late[0].opens(1)
        var heard: [[UInt8]] = []
        try turn {
            heard += late[0].hears()
            return !heard.isEmpty
        }
        #expect(heard == [[4, 5]] && clients.counters.refused == Bounds.bluetoothRefused + 1)
        centrals[5].leave()
        try turn { clients.count == Bounds.bluetoothClients + Bounds.bluetoothRefused - 1 }
        late[0].opens(2)
        try turn { streams.all.count == Bounds.bluetoothClients + 1 }
    }

    /// Not whoever comes then: there would be more streams than places.
    @Test func whoWaitsGetsThePlaceThatIsMade() throws {
        let centrals = (0..<Bounds.bluetoothClients).map { Central($0) }, waiting = Central(100), newcomer = Central(101)
        for central in centrals {
            #expect(try central.subscribes(clients) && central.begins(clients))
            central.opens(1)
        }
        try turn { clients.streams == Bounds.bluetoothClients }
        #expect(try waiting.subscribes(clients) && waiting.begins(clients))
        centrals[5].ends()
        try turn { clients.streams == Bounds.bluetoothClients - 1 }
        #expect(try newcomer.subscribes(clients) && newcomer.begins(clients))
        newcomer.opens(1)
        var heard: [[UInt8]] = []
        try turn {
            heard += newcomer.hears()
            return !heard.isEmpty
        }
        waiting.opens(1)
        try turn { clients.streams == Bounds.bluetoothClients }
        #expect(heard == [[4, 5]] && clients.counters.evicted == 1 && clients.counters.refused == 2 && waiting.hears() == [[1]])
    }

    @Test func roomIsMadeByOneWithoutAStream() throws {
        let centrals = (0...Bounds.bluetoothClients).map { Central($0) }
        for central in centrals { #expect(try central.subscribes(clients)) }
        #expect(clients.count == Bounds.bluetoothClients && clients.counters.evicted == 1 && clients.counters.refused == 0)
    }

    @Test func theEnd() throws {
        let central = Central(1)
        #expect(try central.subscribes(clients) && central.begins(clients))
        central.opens(1)
        try turn { clients.streams == 1 }
        clients.close()
        #expect(central.hears() == [[1], [4, 6]] && clients.count == 0)
    }
}
