import Testing
@testable import Node

@Suite struct MemoryUsageTests {
    @Test func readsTheKernelsLines() {
        #expect(MemoryUsage.number(of: "Pss:", in: Array("Pss:                2531 kB".utf8)[...]) == 2531)
        #expect(MemoryUsage.number(of: "Pss:", in: Array("Pss_Dirty:           12 kB".utf8)[...]) == nil)
        #expect(MemoryUsage.current().proportional > 0)
    }
}
