import OpenPGP
import System

/// The value of the characteristic Node: what a client knows before it opens a stream (docs/bluetooth.md, 1.3).
public struct NodeValue: Equatable, Sendable {
    /// The node has no owner and can be claimed.
    public var canBeClaimed: Bool
    public var speaksTLS: Bool
    public var fingerprint: Fingerprint
    /// The largest fragment that the node takes or sends: 20 to 65,535.
    public var largestFragment: UInt16
    /// Data fragments that it takes without an acknowledgement: 1 to 15.
    public var credit: UInt8
    /// The PSM of the channel; nil when there is none.
    public var channel: UInt16?

    public static let count = 27
    private static let version: UInt8 = 1

    /// What this node says of itself.
    public init(fingerprint: Fingerprint, canBeClaimed: Bool, speaksTLS: Bool, channel: UInt16?) {
        self.canBeClaimed = canBeClaimed
        self.speaksTLS = speaksTLS
        self.fingerprint = fingerprint
        largestFragment = UInt16(Fragment.largest)
        credit = Bounds.fragmentsToNode
        self.channel = channel
    }

    /// Nil when it is no value of version 1; octets behind the 27 are ignored.
    public init?(_ octets: UnsafeRawBufferPointer) {
        guard octets.count >= NodeValue.count, octets[0] == NodeValue.version, let fingerprint = Fingerprint(octets: octets[2..<22]) else { return nil }
        canBeClaimed = octets[1] & 1 != 0
        speaksTLS = octets[1] & 2 != 0
        self.fingerprint = fingerprint
        largestFragment = octets.loadUnaligned(fromByteOffset: 22, as: UInt16.self).littleEndian
        credit = octets[24]
        let psm = octets.loadUnaligned(fromByteOffset: 25, as: UInt16.self).littleEndian
        channel = psm == 0 ? nil : psm
        guard largestFragment >= Fragment.smallest, credit >= 1, credit <= Fragment.mostCredit else { return nil }
    }

    /// The 27 octets.
    public var octets: [UInt8] {
        var out: [UInt8] = [NodeValue.version, (canBeClaimed ? 1 : 0) | (speaksTLS ? 2 : 0)]
        out += fingerprint.octets
        let psm = channel ?? 0
        out += [UInt8(largestFragment & 255), UInt8(largestFragment >> 8), credit, UInt8(psm & 255), UInt8(psm >> 8)]
        return out
    }
}
