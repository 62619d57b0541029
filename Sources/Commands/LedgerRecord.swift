import OpenPGP
import System
import Vocabulary

/// What the ledger remembers of one command.
public struct LedgerRecord: Sendable {
    public enum State: UInt8, Sendable {
        /// Its actuator is being set. Found after a restart: nobody knows how far that came.
        case begun = 1
        /// It was carried out, or refused.
        case ended = 2
    }

    public var outcome: CommandOutcome
    public var state: State
    /// Milliseconds since 1970 until which the same command could still be taken for a new one.
    public var keepUntil: Int64
    /// Its answer, its line in the log are on the disk.
    public var isAnswered = false
    public var isLogged = false

    public init(_ outcome: CommandOutcome, state: State, keepUntil: Int64) {
        self.outcome = outcome
        self.state = state
        self.keepUntil = keepUntil
    }

    /// Nothing is left to do for it.
    var isSettled: Bool { state == .ended && isAnswered && isLogged }
}

/// The latest command of one controller for one actuator that was carried out, or begun.
struct HighestStart {
    let controller: Fingerprint
    let target: [UInt8]
    /// Milliseconds since 1970.
    var startTime: Int64
}

/// When it was noticed that the ledger was not there, or damaged.
enum LedgerLoss: Equatable {
    case none
    /// Milliseconds since 1970.
    case at(Int64)
    /// While the clock was not set: no time before the clock becomes set is late enough.
    case whileUnset
}

/// The ledger's contents, and their form on the disk: little-endian numbers, the SHA-256 of everything before at the end.
struct LedgerContents {
    var loss = LedgerLoss.none
    var records: [LedgerRecord] = []
    var highest: [HighestStart] = []

    /// "maudldg1"
    private static let magic: UInt64 = 0x3167_646C_6475_616D
    static let sizeLimit = 1 << 18

    init() {}

    /// Nil when the octets are not a whole ledger.
    init?(_ octets: [UInt8]) {
        guard octets.count > SHA256Sum.count, octets.count <= LedgerContents.sizeLimit else { return nil }
        let body = octets[..<(octets.count - SHA256Sum.count)]
        guard SHA256Sum(of: Array(body)).withBytes({ $0.elementsEqual(octets[body.count...]) }) else { return nil }
        var reader = LedgerReader(octets: body)
        guard reader.number(8) == LedgerContents.magic, let loss = reader.number(8), let recordCount = reader.number(2), let highestCount = reader.number(2) else { return nil }
        self.loss = loss == 0 ? .none : loss == UInt64.max ? .whileUnset : .at(Int64(bitPattern: loss))
        for _ in 0..<recordCount {
            guard let record = LedgerRecord(&reader) else { return nil }
            records.append(record)
        }
        for _ in 0..<highestCount {
            guard let fingerprint = reader.octets(Fingerprint.count).flatMap({ Fingerprint(octets: $0) }), let target = reader.text(), let time = reader.number(8) else { return nil }
            highest.append(HighestStart(controller: fingerprint, target: target, startTime: Int64(bitPattern: time)))
        }
        guard reader.octets.isEmpty else { return nil }
    }

    var octets: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(64 + records.count * 160 + highest.count * 64)
        out.append(little: LedgerContents.magic, 8)
        switch loss {
        case .none: out.append(little: 0, 8)
        case .at(let time): out.append(little: UInt64(bitPattern: time), 8)
        case .whileUnset: out.append(little: UInt64.max, 8)
        }
        out.append(little: UInt64(records.count), 2)
        out.append(little: UInt64(highest.count), 2)
        for record in records { record.write(to: &out) }
        for entry in highest {
            out.append(contentsOf: entry.controller.octets)
            out.append(text: entry.target)
            out.append(little: UInt64(bitPattern: entry.startTime), 8)
        }
        let sum = SHA256Sum(of: out)
        sum.withBytes { out.append(contentsOf: $0) }
        return out
    }
}

extension LedgerRecord {
    private enum Flag { static let answered: UInt64 = 1, logged: UInt64 = 2, hasValue: UInt64 = 4, hasEnd: UInt64 = 8, kindShift: UInt64 = 4 }

    fileprivate func write(to out: inout [UInt8]) {
        out.append(contentsOf: outcome.controller.octets)
        out.append(little: outcome.identifier.high, 8)
        out.append(little: outcome.identifier.low, 8)
        out.append(little: UInt64(state.rawValue), 1)
        out.append(little: UInt64(outcome.error?.rawValue ?? 0), 1)
        let flags = (isAnswered ? Flag.answered : 0) | (isLogged ? Flag.logged : 0) | (outcome.value != nil ? Flag.hasValue : 0) | (outcome.endTime != nil ? Flag.hasEnd : 0)
            | UInt64(outcome.kind.rawValue) << Flag.kindShift
        out.append(little: flags, 1)
        out.append(little: UInt64(outcome.value?.decimals ?? 0), 1)
        out.append(little: UInt64(bitPattern: outcome.value?.value ?? 0), 8)
        for number in [outcome.startTime, outcome.endTime ?? 0, outcome.sinceBoot, keepUntil] { out.append(little: UInt64(bitPattern: number), 8) }
        out.append(text: outcome.target)
        out.append(text: outcome.bootID)
    }

    fileprivate init?(_ reader: inout LedgerReader) {
        guard let controller = reader.octets(Fingerprint.count).flatMap({ Fingerprint(octets: $0) }), let high = reader.number(8), let low = reader.number(8),
              let state = reader.number(1).flatMap({ State(rawValue: UInt8($0)) }), let error = reader.number(1), let flags = reader.number(1),
              let decimals = reader.number(1), decimals <= 9, let value = reader.number(8), let start = reader.number(8), let end = reader.number(8),
              let sinceBoot = reader.number(8), let keep = reader.number(8), let target = reader.text(), let boot = reader.text() else { return nil }
        guard error == 0 || CommandFault(rawValue: UInt8(error)) != nil, let kind = CommandKind(rawValue: UInt8(flags >> Flag.kindShift)) else { return nil }
        let outcome = CommandOutcome(
            identifier: CommandIdentifier(high: high, low: low), controller: controller, kind: kind, target: target,
            value: flags & Flag.hasValue != 0 ? ActuatorValue(Int64(bitPattern: value), decimals: Int(decimals)) : nil, startTime: Int64(bitPattern: start),
            error: CommandFault(rawValue: UInt8(error)), endTime: flags & Flag.hasEnd != 0 ? Int64(bitPattern: end) : nil, sinceBoot: Int64(bitPattern: sinceBoot), bootID: boot)
        self.init(outcome, state: state, keepUntil: Int64(bitPattern: keep))
        isAnswered = flags & Flag.answered != 0
        isLogged = flags & Flag.logged != 0
    }
}

/// Reads numbers and octets, never past the end.
struct LedgerReader {
    fileprivate(set) var octets: ArraySlice<UInt8>

    mutating func octets(_ count: Int) -> ArraySlice<UInt8>? {
        guard octets.count >= count else { return nil }
        defer { octets = octets.dropFirst(count) }
        return octets.prefix(count)
    }

    mutating func number(_ count: Int) -> UInt64? { octets(count)?.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// A length of one octet, and so many octets.
    mutating func text() -> [UInt8]? { number(1).flatMap { octets(Int($0)) }.map { Array($0) } }
}

extension Array where Element == UInt8 {
    fileprivate mutating func append(little number: UInt64, _ count: Int) {
        for index in 0..<count { append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index))) }
    }

    fileprivate mutating func append(text: [UInt8]) {
        append(UInt8(truncatingIfNeeded: text.count))
        append(contentsOf: text)
    }
}
