import Testing
@testable import MessageBus

@Suite struct BusConnectionTests {
    @Test func pausesGrow() {
        #expect((1...9).map { BusConnection.pause($0, longest: 60) } == [10, 20, 40, 60, 60, 60, 60, 60, 60])
        #expect(BusConnection.pause(.max, longest: 3600) == 3600)
    }
}
