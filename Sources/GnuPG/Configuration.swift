import System

/// The option files of a GnuPG home. gpg reads gpg.conf at each start, so an operation that needs other options gets
/// them by rewriting the file: it lies in memory, and only one gpg runs at a time.
enum Configuration {
    /// What the next gpg is for.
    enum Purpose: Equatable {
        /// Making signatures and keys, at the system's time or at a given one (seconds since 1970).
        case signing(at: Int64?)
        /// Decrypting, verifying, importing: keys and signatures from our future count (a board's clock may be unset).
        case reading
        /// Encrypting only, to keys that may lie in our future: encryption itself carries no time.
        case encrypting
    }

    /// Options that gpg 2.2 and 2.4 both know; an unknown one would stop gpg.
    private static let common: StaticString = """
        no-greeting
        no-permission-warning
        no-secmem-warning
        lock-never
        no-random-seed-file
        no-auto-check-trustdb
        no-auto-key-locate
        no-auto-key-retrieve
        no-symkey-cache
        trust-model always
        compress-algo none
        cipher-algo AES256
        personal-digest-preferences SHA256 SHA384 SHA512
        cert-digest-algo SHA256
        s2k-mode 3
        s2k-cipher-algo AES256
        s2k-digest-algo SHA256

        """

    /// The agent asks nobody, caches nothing and looks for no card. Keys in the home that are protected at all are
    /// protected by 256 random bits, which need no slow derivation.
    static let agent: StaticString = """
        disable-scdaemon
        allow-loopback-pinentry
        no-allow-external-cache
        default-cache-ttl 0
        max-cache-ttl 0
        s2k-count 65536

        """

    /// An empty trust database (GnuPG's doc/DETAILS: one version record). Nothing is looked up in it, but gpg wants one for a
    /// key that has expired, and makes none when it only describes a file.
    static var trustDatabase: [UInt8] {
        // Type 1, "gpg", version 3, three marginals, one complete, depth 5; no records, no hash table.
        [1, 0x67, 0x70, 0x67, 3, 3, 1, 5] + [UInt8](repeating: 0, count: 32)
    }

    /// The text of gpg.conf.
    /// - Parameters:
    ///   - signingKey: fingerprint of the key that signs, in hexadecimal.
    ///   - derivationCount: octets that the passphrase derivation hashes, for symmetric encryption.
    static func text(for purpose: Purpose, signingKey: [UInt8]?, derivationCount: Int64?) -> [UInt8] {
        var text = Array(common)
        switch purpose {
        case .signing(let time):
            if let time {
                // With "!" the clock stands still, so the signature carries exactly this time.
                text.append("faked-system-time ")
                text.append(decimal: time)
                text.append("!\n")
            }
        case .reading, .encrypting:
            text.append("ignore-time-conflict\nignore-valid-from\n")
        }
        if let signingKey {
            text.append("default-key ")
            text.append(contentsOf: signingKey)
            text.append("!\n")
        }
        if let derivationCount {
            text.append("s2k-count ")
            text.append(decimal: derivationCount)
            text.append("\n")
        }
        return text
    }
}
