import CGPGME
import OpenPGP
import System

/// What gpg said about one operation on its status descriptor (GnuPG's doc/DETAILS), reduced to what decisions need.
///
/// GPGME's own result structures lack the primary key's fingerprint, the literal packet's mode and the class of a
/// signature, so the lines are read here.
struct StatusReport {
    /// Signatures that were seen, whatever became of them.
    private(set) var signatures = 0
    /// Literal packets that were seen.
    private(set) var literals = 0
    /// The mode octet of the literal packet: 'b', 't', 'u' or 'm'.
    private(set) var literalMode: UInt8?
    /// Fingerprint of the primary key whose signature is valid.
    private(set) var signer: Fingerprint?
    /// Seconds since 1970: of the valid signature, or of the one that was made.
    private(set) var signatureTime: Int64 = 0
    /// The first thing that was wrong with a signature.
    private(set) var signatureProblem: GnuPGError?
    /// Encryptions that were begun to be taken off.
    private(set) var decryptions = 0
    private(set) var isDecrypted = false
    private(set) var noSecretKey = false
    /// One of our keys opened the session key.
    private(set) var hasSessionKey = false
    private(set) var badPassphrase = false
    private(set) var noData = false
    private(set) var decryptionFailed = false
    private(set) var unusableRecipient = false
    private(set) var unusableSigner = false
    private(set) var unsupported = false
    /// gpg could not start gpg-agent.
    private(set) var agentMissing = false
    /// Fingerprints of keys that were imported or made.
    private(set) var keys: [Fingerprint] = []
    /// An import brought something that was not there: a key, a user id, a signature or a subkey.
    private(set) var isNews = false
    /// An import read secret keys, and took none: their passphrase was wrong.
    private(set) var secretKeysRefused = false
    /// gpg asked for the passphrase of a secret key.
    private(set) var needsPassphrase = false

    /// Takes one line: a keyword and its arguments.
    mutating func take(_ keyword: UnsafePointer<CChar>, _ arguments: UnsafePointer<CChar>) {
        if takeSignature(keyword, arguments) || takeDecryption(keyword, arguments) { return }
        if same(keyword, "SIG_CREATED") {
            // type, public key algorithm, digest, class, time, fingerprint
            signatureTime = number(word(arguments, 4))
        } else if same(keyword, "IMPORT_OK") {
            if let fingerprint = Fingerprint(hexadecimal: word(arguments, 1)) { add(fingerprint) }
            if number(word(arguments, 0)) & 15 != 0 { isNews = true }
        } else if same(keyword, "IMPORT_RES") {
            // ... secret keys read, imported, unchanged, ...
            secretKeysRefused = number(word(arguments, 9)) > 0 && number(word(arguments, 10)) + number(word(arguments, 11)) == 0
        } else if same(keyword, "KEY_CREATED") {
            if let fingerprint = Fingerprint(hexadecimal: word(arguments, 1)) { add(fingerprint) }
        } else if same(keyword, "NEED_PASSPHRASE") {
            needsPassphrase = true
        } else if same(keyword, "INV_RECP") {
            unusableRecipient = true
        } else if same(keyword, "INV_SGNR") {
            unusableSigner = true
        }
    }

    private mutating func add(_ fingerprint: Fingerprint) {
        if !keys.contains(fingerprint) { keys.append(fingerprint) }
    }

    private mutating func takeSignature(_ keyword: UnsafePointer<CChar>, _ arguments: UnsafePointer<CChar>) -> Bool {
        if same(keyword, "GOODSIG") {
            signatures += 1
        } else if same(keyword, "VALIDSIG") {
            takeValid(arguments)
        } else if same(keyword, "BADSIG") {
            refuse(.badSignature)
        } else if same(keyword, "EXPSIG") || same(keyword, "EXPKEYSIG") {
            refuse(.signerExpired)
        } else if same(keyword, "REVKEYSIG") {
            refuse(.signerRevoked)
        } else if same(keyword, "ERRSIG") {
            // keyid, public key algorithm, digest, class, time, reason (9: no public key)
            refuse(number(word(arguments, 5)) == 9 ? .unknownSigner : .badSignature)
        } else {
            return false
        }
        return true
    }

    private mutating func refuse(_ problem: GnuPGError) {
        signatures += 1
        if signatureProblem == nil { signatureProblem = problem }
    }

    /// fingerprint, date, time, expiry, version, reserved, public key algorithm, digest, class, primary fingerprint
    private mutating func takeValid(_ arguments: UnsafePointer<CChar>) {
        let digest = number(word(arguments, 7))
        // MD5, SHA-1, RIPEMD-160 (RFC 9580, section 9.5)
        if digest < 8 { signatureProblem = signatureProblem ?? .weakDigest }
        // Class 0 is of octets, class 1 of text; others are no statement about content (section 5.2.1).
        let kind = number(word(arguments, 8), radix: 16)
        if kind != 0, kind != 1 { signatureProblem = signatureProblem ?? .badSignature }
        signatureTime = number(word(arguments, 2))
        signer = Fingerprint(hexadecimal: word(arguments, 9)) ?? Fingerprint(hexadecimal: word(arguments, 0))
    }

    private mutating func takeDecryption(_ keyword: UnsafePointer<CChar>, _ arguments: UnsafePointer<CChar>) -> Bool {
        if same(keyword, "PLAINTEXT") {
            literals += 1
            literalMode = UInt8(truncatingIfNeeded: number(word(arguments, 0), radix: 16))
        } else if same(keyword, "BEGIN_DECRYPTION") {
            decryptions += 1
        } else if same(keyword, "DECRYPTION_OKAY") {
            isDecrypted = true
        } else if same(keyword, "DECRYPTION_FAILED") {
            decryptionFailed = true
        } else if same(keyword, "DECRYPTION_INFO") {
            hasSessionKey = true
        } else if same(keyword, "NO_SECKEY") {
            noSecretKey = true
        } else if same(keyword, "BAD_PASSPHRASE") || same(keyword, "MISSING_PASSPHRASE") {
            badPassphrase = true
        } else if same(keyword, "NODATA") || same(keyword, "UNEXPECTED") || same(keyword, "BADMDC") {
            noData = true
        } else if same(keyword, "ERROR") || same(keyword, "FAILURE") {
            let code = UInt32(truncatingIfNeeded: number(word(arguments, 1))) & 0xFFFF
            if code == GPG_ERR_BAD_PASSPHRASE.rawValue { badPassphrase = true }
            if code == GPG_ERR_NO_AGENT.rawValue { agentMissing = true }
            if code == GPG_ERR_CIPHER_ALGO.rawValue || code == GPG_ERR_PUBKEY_ALGO.rawValue { unsupported = true }
        } else {
            return false
        }
        return true
    }

    /// Whether gpg has not come to what a message is.
    var saidNothing: Bool {
        signatures == 0 && literals == 0 && decryptions == 0 && !noData && !noSecretKey && !hasSessionKey && !decryptionFailed && !badPassphrase && !agentMissing && !unsupported
    }

    /// The one author of a verified message, or why there is none.
    func verifiedSigner() throws(GnuPGError) -> Fingerprint {
        if signatures > 1 { throw .severalSignatures }
        if let signatureProblem { throw signatureProblem }
        guard signatures == 1, let signer else { throw .notSigned }
        // Inside an encryption there may be another, to whomever: nobody looked at its recipients.
        if literals != 1 || decryptions > 1 { throw .damaged }
        return signer
    }
}

/// Whether a C string is `text`.
func same(_ string: UnsafePointer<CChar>, _ text: StaticString) -> Bool {
    var index = 0
    while index < text.utf8CodeUnitCount {
        if UInt8(bitPattern: string[index]) != text.utf8Start[index] { return false }
        index += 1
    }
    return string[index] == 0
}

/// The word at `index` of a line of words separated by single blanks; empty when there are fewer.
private func word(_ line: UnsafePointer<CChar>, _ index: Int) -> [UInt8] {
    var word: [UInt8] = []
    var current = 0
    var position = line
    while position.pointee != 0, current <= index {
        let octet = UInt8(bitPattern: position.pointee)
        if octet == 0x20 { current += 1 } else if current == index { word.append(octet) }
        position += 1
    }
    return word
}

/// The number that a word begins with ("11_BAD_PASSPHRASE" is 11); 0 when it is none.
private func number(_ digits: [UInt8], radix: Int64 = 10) -> Int64 {
    var value: Int64 = 0
    for digit in digits {
        guard let next = hexadecimalValue(digit), Int64(next) < radix, value < 1 << 56 else { return value }
        value = value * radix + Int64(next)
    }
    return value
}
