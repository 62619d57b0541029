import System

/// A made-up value that depends on nothing but the number n of the reading, taken to be at n periods: the same again in
/// every run. All in integers, so that every machine agrees on every digit.
struct SimulatedCourse {
    let waveform: Waveform
    /// Scaled like the sensor's values.
    let low: Int64
    let high: Int64
    /// Milliseconds.
    let cycle: Int64
    let period: Int64

    init(_ waveform: Waveform, low: Int64, high: Int64, cycleSeconds: Int, period: Int64) {
        self.waveform = waveform
        self.low = low
        self.high = high
        cycle = Int64(cycleSeconds) * 1000
        self.period = period / 1_000_000
    }

    /// The value of reading n (0, 1, ...).
    func value(at n: Int64) -> Int64 {
        // Reduced before they are multiplied: both factors stay below 2^27.
        let phase = (n % cycle) * (period % cycle) % cycle
        switch waveform {
        case .constant: return low
        case .square: return phase * 2 < cycle ? low : high
        case .sawtooth: return interpolate(phase)
        case .triangle: return interpolate(phase * 2 <= cycle ? phase * 2 : (cycle - phase) * 2)
        }
    }

    /// low + (high - low) x part / cycle, rounded half away from zero.
    private func interpolate(_ part: Int64) -> Int64 {
        let span = high - low
        let (above, below) = span.magnitude.multipliedFullWidth(by: UInt64(part))
        let divisor = UInt64(cycle)
        let (quotient, rest) = divisor.dividingFullWidth((above, below))
        // The value is base + fraction/cycle, with 0 <= fraction < cycle.
        let falls = span < 0 && rest > 0
        let base = span < 0 ? low - Int64(quotient) - (falls ? 1 : 0) : low + Int64(quotient)
        let fraction = falls ? divisor - rest : rest
        let double = fraction * 2
        return double > divisor || (double == divisor && base >= 0) ? base + 1 : base
    }
}
