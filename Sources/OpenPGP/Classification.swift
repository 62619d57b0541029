import System

/// Who may see a file of a Mau directory, told from its outermost packets without any key.
public enum Classification: Equatable, Sendable {
    /// Signed and not encrypted: anyone.
    case `public`
    /// Encrypted to these (sub)keys; at most `Bounds.recipientsPerFile` of them.
    case encrypted(recipients: [KeyID])
    /// Nothing that a peer would accept: armored, damaged, unsigned, for a passphrase only, not OpenPGP.
    case other

    /// Classifies a file by its first octets.
    ///
    /// - Parameters:
    ///   - head: the first octets of the file. 4 KiB are enough for a handful of recipients.
    ///   - size: octets of the whole file.
    /// - Returns: nil when more of the file must be read.
    public static func classify(_ head: UnsafeRawBufferPointer, size: Int) -> Classification? {
        var reader = PacketReader(head, total: size)
        do throws(PacketError) {
            return try classify(&reader, isCompressed: false)
        } catch {
            // A head that is the whole file, or as much as we ever look at, is never "incomplete".
            return error == .incomplete && head.count < headLimit ? nil : .other
        }
    }

    /// The longest head that classification asks for: recipients at their bound with RSA-4096 keys fit.
    public static let headLimit = 64 << 10

    /// The grammar of messages (RFC 9580, section 10.3), outermost first.
    private static func classify(_ reader: inout PacketReader, isCompressed: Bool) throws(PacketError) -> Classification {
        var isSigned = false
        var recipients: [KeyID] = []
        var isForPassphrase = false
        while let packet = try reader.next() {
            switch packet.type {
            case .marker, .padding: continue
            case .onePassSignature, .signature:
                isSigned = true
            case .publicKeyEncryptedSessionKey:
                let recipient = try PublicKeyEncryptedSessionKey(packet).recipient
                if recipients.count < Bounds.recipientsPerFile { recipients.append(recipient) }
            case .symmetricKeyEncryptedSessionKey: isForPassphrase = true
            case .encryptedAndProtectedData, .gnupgEncryptedData:
                return recipients.isEmpty || isCompressed ? .other : .encrypted(recipients: recipients)
            case .literalData:
                return isSigned && recipients.isEmpty && !isForPassphrase ? .public : .other
            case .compressedData:
                guard !isCompressed, recipients.isEmpty, !isForPassphrase else { return .other }
                return try classifyCompressed(packet)
            default: return .other
            }
        }
        return .other
    }

    /// `gpg --sign` compresses: the first octets inside tell whether it is a signed message.
    private static func classifyCompressed(_ packet: Packet) throws(PacketError) -> Classification {
        let head = try CompressedData.head(packet, limit: 512)
        return head.withUnsafeBytes { octets in
            // What follows the head is not known, only that there may be more.
            var reader = PacketReader(octets, total: octets.count < 512 ? octets.count : Int.max)
            do throws(PacketError) { return try classify(&reader, isCompressed: true) } catch { return .other }
        }
    }
}
