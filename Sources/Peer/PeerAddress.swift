import System

/// Where a peer may be reached: a host and a port. An address proves nothing about who answers there.
public struct PeerAddress: Equatable, Sendable {
    /// A numeric address ("192.0.2.1", "2001:db8::1", "fe80::1%2" with the number of its interface) or a host name, in ASCII.
    public let host: [UInt8]
    public let port: UInt16

    /// - Parameter host: 1 to 253 octets: letters, digits, "-", "_", "." for a name; digits, ":", "." and "%" for an address.
    public init?(host: [UInt8], port: UInt16) {
        guard (1...253).contains(host.count), port > 0 else { return nil }
        let isIPv6 = host.contains(0x3A)
        for octet in host {
            switch octet {
            case 0x30...0x39, 0x2E, 0x41...0x46, 0x61...0x66: continue
            case 0x3A, 0x25: if isIPv6 { continue }
            case 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: if !isIPv6 { continue }
            default: break
            }
            return nil
        }
        self.host = host
        self.port = port
    }

    /// Parses `HOST:PORT`; an IPv6 address stands in brackets.
    public init?(_ text: some Collection<UInt8>) {
        let octets = Array(text)
        guard let colon = octets.lastIndex(of: 0x3A), let port = PeerAddress.port(octets[(colon + 1)...]) else { return nil }
        var host = Array(octets[..<colon])
        if host.first == 0x5B, host.last == 0x5D { host = Array(host.dropFirst().dropLast()) } else if host.contains(0x3A) { return nil }
        self.init(host: host, port: port)
    }

    private static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return UInt16(exactly: value)
    }

    /// Whether the host is an address and no name: every name has a letter that no IPv4 address has, and no name has a colon.
    public var isNumeric: Bool {
        host.contains(0x3A) || host.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
    }

    /// As `init(_:)` reads it.
    public var description: Message {
        host.contains(0x3A) ? "[\(host)]:\(Int(port))" : "\(host):\(Int(port))"
    }
}
