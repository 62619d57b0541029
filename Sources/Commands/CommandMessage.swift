import OpenPGP
import System

/// What a command file must look like from outside, before gpg is started for it: nothing is decrypted or verified here.
public enum CommandMessage {
    /// Whether the octets are an OpenPGP message for one of `own` keys, and besides for keys of the `sender` only: session key packets
    /// that all name their recipient, then encrypted data up to the end. A marker or padding packet may be anywhere before.
    ///
    /// - Parameters:
    ///   - own: key ids of the device's encryption keys.
    ///   - sender: key ids of the sender's encryption keys.
    public static func isAcceptable(_ octets: [UInt8], own: [KeyID], sender: [KeyID]) -> Bool {
        guard octets.count <= Bounds.commandFile else { return false }
        return octets.withUnsafeBytes { raw in
            do throws(PacketError) { return try check(raw, own, sender) } catch { return false }
        }
    }

    private static func check(_ octets: UnsafeRawBufferPointer, _ own: [KeyID], _ sender: [KeyID]) throws(PacketError) -> Bool {
        var reader = PacketReader(octets)
        var recipients = 0, isForUs = false, hasData = false
        while let packet = try reader.next() {
            // What follows the data would be another message, which whoever only looks at the first one never sees.
            if hasData { return false }
            switch packet.type {
            case .marker, .padding: continue
            case .publicKeyEncryptedSessionKey:
                recipients += 1
                let recipient = try PublicKeyEncryptedSessionKey(packet).recipient
                guard recipients <= Bounds.commandRecipients, recipient != .hidden, own.contains(recipient) || sender.contains(recipient) else { return false }
                if own.contains(recipient) { isForUs = true }
            case .encryptedAndProtectedData, .gnupgEncryptedData: hasData = true
            default: return false
            }
        }
        return isForUs && hasData
    }
}
