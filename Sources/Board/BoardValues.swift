import JSON
import OpenPGP
import System

/// The kinds of value that board.json is made of, each checked where it stands. What is wrong is said in one clause.
extension JSONValue {
    /// Text of so many characters (Unicode scalars), without control characters unless allowed.
    func text(_ length: ClosedRange<Int>, controls: Bool = false) throws(JSONError) -> String {
        let octets = try string()
        var characters = 0
        for octet in octets {
            if octet & 0xC0 != 0x80 { characters += 1 }
            if !controls, octet < 0x20 || octet == 0x7F { throw error(.invalid, "must have no control characters") }
        }
        if characters < length.lowerBound { throw error(.outOfRange, "must not be empty") }
        if characters > length.upperBound {
            var clause = [UInt8]("must have at most ")
            clause.append(decimal: Int64(length.upperBound))
            clause.append(" characters")
            throw error(.outOfRange, clause)
        }
        return octets.text
    }

    /// Octets that `first` and then `others` accept, `length` of them in all; otherwise `clause`.
    private func word(_ length: ClosedRange<Int>, _ clause: StaticString, first: (UInt8) -> Bool, others: (UInt8) -> Bool) throws(JSONError) -> String {
        let octets = try string()
        guard length.contains(octets.count), first(octets[0]), octets.dropFirst().allSatisfy(others) else { throw error(.invalid, clause) }
        return octets.text
    }

    /// A sensor's or an actuator's name: [a-z0-9][a-z0-9-]{0,31}.
    func name() throws(JSONError) -> String {
        try word(1...32, "must be 1 to 32 of a-z, 0-9 and -, not beginning with -", first: isLowerOrDigit) { isLowerOrDigit($0) || $0 == 0x2D }
    }

    /// A name that the kernel gave: [A-Za-z0-9][A-Za-z0-9._:-]{0,63}.
    func label() throws(JSONError) -> String {
        try word(1...64, "must be 1 to 64 of letters, digits, . _ : and -, beginning with a letter or digit", first: isLetterOrDigit) {
            isLetterOrDigit($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x3A || $0 == 0x2D
        }
    }

    /// A directory below .mau: [A-Za-z0-9][A-Za-z0-9_-]{0,63}.
    func groupName() throws(JSONError) -> String {
        try word(1...64, "must be 1 to 64 of letters, digits, _ and -, beginning with a letter or digit", first: isLetterOrDigit) {
            isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x2D
        }
    }

    /// 1 to 32 different fingerprints of 40 lower-case hexadecimal digits.
    func fingerprints() throws(JSONError) -> [Fingerprint] {
        let list = try array(count: 1...Bounds.audienceFingerprints)
        var fingerprints: [Fingerprint] = []
        for index in 0..<list.count {
            guard let value = list[index] else { continue }
            let digits = try value.string()
            guard let fingerprint = Fingerprint(hexadecimal: digits), digits.allSatisfy(isLowerOrDigit) else {
                throw value.error(.invalid, "must be a fingerprint of 40 lower-case hexadecimal digits")
            }
            if fingerprints.contains(fingerprint) { throw value.error(.invalid, "is there twice") }
            fingerprints.append(fingerprint)
        }
        return fingerprints
    }

    /// A UN/CEFACT common code ([A-Z0-9]{2,3}) or a URL.
    func unitCode() throws(JSONError) -> String {
        let octets = try string()
        let isCode = (2...3).contains(octets.count) && octets.allSatisfy { isUpperOrDigit($0) }
        var isURL = false
        for scheme in ["http://", "https://"] as [StaticString] where octets.starts(with: [UInt8](scheme)) {
            let rest = octets.dropFirst(scheme.utf8CodeUnitCount)
            isURL = (1...200).contains(rest.count) && rest.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
        guard isCode || isURL else { throw error(.invalid, "must be a UN/CEFACT code of 2 or 3 capitals and digits, or a URL") }
        return octets.text
    }

    /// A word that must be one of these.
    func choice(_ words: [StaticString]) throws(JSONError) -> Int {
        let octets = try string()
        for (index, word) in words.enumerated() where octets == [UInt8](word) { return index }
        var clause = [UInt8]("must be one of ")
        for (index, word) in words.enumerated() {
            if index > 0 { clause.append(", ") }
            clause.append(word)
        }
        throw error(.invalid, clause)
    }

    /// A number within the limits, as an integer: x 10^`decimals`. More digits than that are refused, not rounded.
    func scaled(_ decimals: Int, _ minimum: Decimal = -.greatest, _ maximum: Decimal = .greatest) throws(JSONError) -> Int64 {
        let number = try decimal(minimum, maximum)
        if number.exponent < -decimals {
            var clause = [UInt8]("has more than the ")
            clause.append(decimal: Int64(decimals))
            clause.append(" decimals that \"decimals\" allows")
            throw error(.invalid, clause)
        }
        guard let value = number.scaled(decimals), value.magnitude < 1_000_000_000_000_000_000 else {
            throw error(.outOfRange, "has more than 18 digits with its decimals")
        }
        return value
    }

    /// The same for what must be greater than 0.
    func scaledPositive(_ decimals: Int) throws(JSONError) -> Int64 {
        guard try Decimal.zero < decimal() else { throw error(.outOfRange, "must be greater than 0") }
        return try scaled(decimals)
    }

    /// An absolute path of 2 or more octets (1 for the root) without NUL.
    func path(_ minimum: Int) throws(JSONError) -> String {
        let text = try text(0...1023, controls: true)
        guard text.utf8.first == 0x2F, text.utf8.count >= minimum else { throw error(.invalid, "must be an absolute path") }
        return text
    }
}

extension Decimal {
    /// The largest magnitude of a limit in board.json.
    static let greatest = Decimal(1, exponent: 15)
    static prefix func - (number: Decimal) -> Decimal { Decimal(-number.coefficient, exponent: number.exponent) }
}

func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }
func isLowerOrDigit(_ octet: UInt8) -> Bool { isDigit(octet) || (0x61...0x7A).contains(octet) }
func isUpperOrDigit(_ octet: UInt8) -> Bool { isDigit(octet) || (0x41...0x5A).contains(octet) }
func isLetterOrDigit(_ octet: UInt8) -> Bool { isLowerOrDigit(octet) || isUpperOrDigit(octet) }
