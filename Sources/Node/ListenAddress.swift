import CLinux
import EventLoop
import Server
import System

/// Where to listen: `127.0.0.1:8008`, `[::]:8008`. The address is numeric; port 0 means any free port.
struct ListenAddress {
    let address: String
    let port: UInt16
    private let isIPv6: Bool
    /// The option that said so, for sentences.
    private let option: StaticString

    /// Parses ADDR:PORT; an IPv6 address stands in brackets.
    init(_ text: String, option: StaticString) throws(CommandError) {
        let octets = Array(text.utf8)
        guard let colon = octets.lastIndex(of: 0x3A), let port = ListenAddress.number(octets[(colon + 1)...]) else {
            throw CommandError(.usage, "\(option) wants ADDR:PORT, such as 127.0.0.1:8008 or [::]:8008, not \(text)")
        }
        var host = Array(octets[..<colon])
        if host.first == 0x5B, host.last == 0x5D { host = Array(host[1..<(host.count - 1)]) }
        else if host.contains(0x3A) { throw CommandError(.usage, "\(option): an IPv6 address stands in brackets: [\(host)]:\(Int(port))") }
        guard !host.isEmpty else { throw CommandError(.usage, "\(option) wants an address before the port: 127.0.0.1, [::1], 0.0.0.0 or [::]") }
        address = host.text
        guard maud_is_address(address) != 0 else {
            throw CommandError(.usage, "\(option) wants a numeric address (127.0.0.1, [::1], 0.0.0.0, [::]), not \(printable(host))")
        }
        self.port = port
        self.option = option
        isIPv6 = host.contains(0x3A)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return UInt16(exactly: value)
    }

    /// Listens there.
    @inline(never)
    func listen(server: Server, handshakes: Handshakes? = nil, loop: EventLoop) throws(CommandError) -> Listener {
        do throws(SystemError) { return try Listener(address: address, port: port, server: server, handshakes: handshakes, loop: loop) } catch {
            // An address that is one and is refused all the same: link-local without its interface.
            throw CommandError(error.code == ErrorNumber.invalid ? .usage : error.exitCode, "cannot serve on \(option) \(description(port: Int(port))): \(error.description)")
        }
    }

    /// ADDR:PORT with the port that was really bound.
    func description(port: Int) -> Message {
        isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
