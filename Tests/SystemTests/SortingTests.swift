import System
import TestSupport
import Testing

@Suite struct SortingTests {
    @Test func sortsAnything() {
        var generator = SeededGenerator(seed: 9)
        for count in [0, 1, 2, 3, 10, 257] {
            var numbers = (0..<count).map { _ in Int.random(in: 0..<50, using: &generator) }
            let expected = numbers.sorted()
            sort(count: count, isLess: { numbers[$0] < numbers[$1] }, swap: { numbers.swapAt($0, $1) })
            #expect(numbers == expected)
        }
    }
}
