import OpenPGP
import Peer
import System

/// What an announcement says, as anybody may have written it.
extension Discovery {
    /// The name of a service is a fingerprint in either case, or nobody's.
    static func fingerprint(_ name: UnsafePointer<CChar>) -> Fingerprint? {
        var digits: [UInt8] = []
        while digits.count <= Fingerprint.digits, name[digits.count] != 0 { digits.append(UInt8(bitPattern: name[digits.count])) }
        return Fingerprint(hexadecimal: digits)
    }

    /// A link-local address means something only together with its interface.
    static func address(_ text: UnsafePointer<CChar>, _ interface: Int32, _ port: UInt16) -> PeerAddress? {
        var host = Message(cString: text).octets
        if host.count > 5, host.starts(with: Array<UInt8>("fe80:")) {
            host.append(0x25)
            host.append(decimal: Int64(interface))
        }
        return PeerAddress(host: host, port: port)
    }
}
