@testable import Bluetooth

/// Numbers that a seed gives, the same on every machine (splitmix64).
struct Seeded {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func happens(_ percent: Int) -> Bool { below(100) < percent }
}

/// How badly one direction carries.
struct Weather {
    var loss = 0, duplication = 0
    /// Milliseconds, at least and at most.
    var delay = 4...8
    /// How many fragments that were sent later may arrive earlier.
    var overtaking = 0
    /// Fragments that fit until some arrive; the carrier is blocked with more.
    var room = Int.max
    /// How many in a row are lost when one is.
    var burst = 1
    /// Milliseconds from one to the next, at least: how fast the link is.
    var pace: Int64 = 0
}

/// One direction: fragments on their way.
struct Way {
    struct Passage { var time: Int64; var number: Int; var octets: [UInt8] }
    var weather: Weather
    var passages: [Passage] = []
    private(set) var sent = 0, octets = 0
    private var last: Int64 = 0
    private var lossLeft = 0

    init(_ weather: Weather) { self.weather = weather }

    var isFull: Bool { passages.count >= weather.room }

    mutating func send(_ fragment: [UInt8], at now: Int64, _ random: inout Seeded) {
        octets += fragment.count
        sent += 1
        for copy in 0..<2 {
            if copy == 1, !random.happens(weather.duplication) { break }
            if lossLeft == 0, random.happens(weather.loss) { lossLeft = weather.burst }
            if lossLeft > 0 {
                lossLeft -= 1
                continue
            }
            let span = Int(weather.delay.upperBound - weather.delay.lowerBound)
            var time = now + Int64(weather.delay.lowerBound + random.below(span + 1)) * 1_000_000
            // In order, unless the weather lets some overtake.
            if weather.overtaking == 0 { time = max(time, last + weather.pace * 1_000_000) }
            last = max(last, time)
            passages.append(Passage(time: time, number: sent, octets: fragment))
        }
    }

    /// The next arrival; nothing comes later than so many that were sent after it.
    var next: (index: Int, time: Int64)? {
        guard var best = passages.indices.min(by: { (passages[$0].time, passages[$0].number) < (passages[$1].time, passages[$1].number) }) else { return nil }
        let time = passages[best].time
        if let late = passages.indices.min(by: { passages[$0].number < passages[$1].number }), passages[best].number - passages[late].number >= max(weather.overtaking, 1) {
            if weather.overtaking > 0 { best = late }
        }
        return (best, time)
    }
}
