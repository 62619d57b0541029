import CLinux
import EventLoop
import GnuPG
import OpenPGP
import System

/// GnuPG in a process that may see the secret key: in the working directory, or (with swap on a disk) in a ramfs of its
/// own, which is never swapped, until the keys have a passphrase.
struct SecretWorkshop {
    let gnupg: GnuPG
    private let home: String
    private let isRamfs: Bool

    /// - Parameter avoidsSwap: use a ramfs that only this process sees, at `<directory>/secret`.
    init(directory: String, avoidsSwap: Bool, clock: NodeClock) throws(AccountError) {
        isRamfs = avoidsSwap
        home = avoidsSwap ? "\(directory)/secret" : directory
        do throws(SystemError) {
            if avoidsSwap {
                try Files.makeDirectory(home)
                let mounted = maud_private_ramfs(home)
                if mounted < 0 { throw SystemError(code: -mounted, call: "mount", subject: "ramfs") }
            }
        } catch { throw .gnupg(.swapNotSafe(error)) }
        let loop: EventLoop
        do throws(SystemError) { loop = try EventLoop(clock: SystemClock()) } catch { throw .system(error) }
        do throws(GnuPGError) { gnupg = try GnuPG(home: home, loop: loop, clock: clock) } catch { throw .gnupg(error) }
    }

    /// Ends the agent that saw the keys in the ramfs, so that the file system goes with this process.
    func close() {
        if isRamfs { WorkingDirectory.endAgent(home: home) }
    }

    /// Decrypts an account file: the exact secret key export inside, in locked memory.
    func open(account: [UInt8], passphrase: LockedMemory) throws(AccountError) -> LockedMemory {
        guard account.withUnsafeBytes({ SecretWorkshop.isEncryptedWithPassphrase($0) }) else { throw .damagedAccount }
        do throws(GnuPGError) {
            let message = try lockedMemory(account.count + 64)
            _ = try gnupg.wait { gnupg.decrypt(account, passphrase: passphrase, into: message, unwrapOnly: true, completion: $0) } as UInt8?
            if let exact = try message.withBytes(contents) { return exact }
            // Compressed inside (gpg does that): gpg unpacks it, exactly when the literal is binary.
            let content = try lockedMemory(Bounds.keyFileSize)
            let mode = try gnupg.wait { gnupg.decrypt(account, passphrase: passphrase, into: content, unwrapOnly: false, completion: $0) }
            if mode != UInt8(ascii: "b") { throw .inexactText }
            return content
        } catch {
            switch error {
            case .wrongPassphrase: throw .wrongPassphrase
            case .damaged, .tooLarge: throw .damagedAccount
            default: throw .gnupg(error)
            }
        }
    }

    /// The content of a message that is one literal; nil when it is compressed.
    private func contents(of message: UnsafeRawBufferPointer) throws(GnuPGError) -> LockedMemory? {
        let content = try lockedMemory(message.count)
        do throws(PacketError) {
            var reader = PacketReader(message)
            if let first = try reader.next(), first.type == .compressedData { return nil }
            try LiteralData(ofMessage: message).forEachPiece { _ = content.append($0) }
        } catch { throw .damaged }
        return content
    }

    /// Whether a file is SKESK packets and one encrypted packet, whole: told before gpg sees it.
    static func isEncryptedWithPassphrase(_ file: UnsafeRawBufferPointer) -> Bool {
        var reader = PacketReader(file)
        var keys = 0, data = 0
        do throws(PacketError) {
            while let packet = try reader.next() {
                switch packet.type {
                case .symmetricKeyEncryptedSessionKey where data == 0: keys += 1
                case .encryptedAndProtectedData, .gnupgEncryptedData, .symmetricallyEncryptedData: data += 1
                case .marker, .padding: break
                default: return false
                }
            }
        } catch { return false }
        return keys > 0 && data == 1
    }

    func lockedMemory(_ capacity: Int) throws(GnuPGError) -> LockedMemory {
        do throws(SystemError) { return try LockedMemory(capacity: capacity) } catch { throw .system(error) }
    }

    /// Imports the one secret key of an export and describes it.
    ///
    /// - Parameter keyPassphrase: the key's own passphrase, when it has one; it is taken off.
    func importSecretKey(_ key: LockedMemory, keyPassphrase: LockedMemory?) throws(AccountError) -> KeyDescription {
        do throws(GnuPGError) {
            let imported = try gnupg.wait { gnupg.importKeys(.secret(key), passphrase: keyPassphrase, completion: $0) }
            guard imported.count == 1 else { throw .damaged }
            let secret = try gnupg.wait { gnupg.listKeys(imported[0], secret: true, completion: $0) }
            guard secret.count == 1 else { throw .damaged }
            // gpg stores a protected key as it is, and would ask at each use.
            guard holdsProtectedKeys() else { return secret[0] }
            guard let keyPassphrase else { throw .wrongPassphrase }
            let none = try lockedMemory(1)
            _ = try gnupg.wait { gnupg.changePassphrase(of: imported[0], from: keyPassphrase, to: none, completion: $0) }
            return secret[0]
        } catch {
            switch error {
            case .wrongPassphrase: throw keyPassphrase == nil ? .keyHasPassphrase : .wrongKeyPassphrase
            case .damaged: throw .notOneSecretKey
            default: throw .gnupg(error)
            }
        }
    }

    /// Protects the keys in the ramfs with `passphrase` and only then copies them to the working directory.
    func protectKeys(of fingerprint: Fingerprint, with passphrase: LockedMemory, thenCopyTo directory: String) throws(AccountError) {
        do throws(GnuPGError) {
            _ = try gnupg.wait { gnupg.changePassphrase(of: fingerprint, from: nil, to: passphrase, completion: $0) }
        } catch { throw .gnupg(error) }
        do throws(SystemError) {
            let source = "\(home)/private-keys-v1.d", target = "\(directory)/private-keys-v1.d"
            try Files.makeDirectory(target)
            let open = try FileDescriptor.open(source, [.read, .directory])
            try Files.forEachName(inDirectory: open.rawValue) { (name) throws(SystemError) in
                let octets = try Files.read(String(cString: name), limit: Bounds.keyFileSize, in: open.rawValue)
                guard SecretWorkshop.isProtected(octets) else { throw SystemError(code: ErrorNumber.notPermitted, call: "passwd", subject: "a secret key") }
                try Files.write(octets, to: "\(target)/\(String(cString: name))")
                return true
            }
            let ring = try Files.read("\(home)/pubring.kbx", limit: 2 * Bounds.keyFileSize)
            try Files.write(ring, to: "\(directory)/pubring.kbx")
        } catch { throw .gnupg(.swapNotSafe(error)) }
    }

    /// Whether a key of the home has a passphrase.
    private func holdsProtectedKeys() -> Bool {
        guard let directory = try? FileDescriptor.open("\(home)/private-keys-v1.d", [.read, .directory]) else { return false }
        var found = false
        try? Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in
            let octets = try Files.read(String(cString: name), limit: Bounds.keyFileSize, in: directory.rawValue)
            if !SecretWorkshop.isPlain(octets) { found = true }
            return true
        }
        return found
    }

    /// Whether a file of gpg-agent (an S-expression, text or canonical) holds its key encrypted by the agent itself.
    static func isProtected(_ file: [UInt8]) -> Bool {
        contains(file, "protected-private-key") && !contains(file, "openpgp-native") && !isPlain(file)
    }

    /// Whether it holds its key in the clear. What an import left as it came is called "protected openpgp-native" even when
    /// there is no protection; long text is wrapped anywhere between words.
    static func isPlain(_ file: [UInt8]) -> Bool {
        if contains(file, "(private-key") || contains(file, "(11:private-key") { return true }
        let words = file.filter { $0 > 0x20 }
        return contains(words, "(protectionnone)") || contains(words, "(10:protection4:none)")
    }

    private static func contains(_ octets: [UInt8], _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard octets.count >= count else { return false }
        return (0...octets.count - count).contains { start in (0..<count).allSatisfy { octets[start + $0] == text.utf8Start[$0] } }
    }
}
