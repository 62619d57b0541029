/// Sorts whatever is counted from 0, in place, through two closures: heapsort, not stable, n log n comparisons at most.
///
/// The standard library's sort is specialised wherever it is used, 2 to 4 KB each time; this is once in the firmware.
@inline(never)
public func sort(count: Int, isLess: (Int, Int) -> Bool, swap: (Int, Int) -> Void) {
    var start = count / 2, end = count
    while end > 1 {
        if start > 0 {
            start -= 1
        } else {
            end -= 1
            swap(0, end)
        }
        // Sifts down what is at `start`.
        var root = start
        while 2 * root + 1 < end {
            var child = 2 * root + 1
            if child + 1 < end, isLess(child, child + 1) { child += 1 }
            guard isLess(root, child) else { break }
            swap(root, child)
            root = child
        }
    }
}
