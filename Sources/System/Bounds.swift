/// Every bound of the program in one place, with why. What happens at each is documented where it is used
/// and counted in `maud status`.
public enum Bounds {
    // Content
    /// Files in one directory before retention must act (design: the Go peer's listing stops at 100, ours is complete).
    public static let filesPerDirectory = 10_000
    /// A file name, suffix included: NAME_MAX of every Linux file system.
    public static let fileNameLength = 255
    /// A name behind which `.versions` fits into that.
    public static let versionedNameLength = fileNameLength - 9
    /// The largest file that is synced or published, in octets.
    public static let fileSize = 64 << 20
    /// Versions kept of one file.
    public static let versionsPerFile = 16
    /// Octets of versions kept of one file.
    public static let versionOctetsPerFile = 8 << 20
    /// Recipients that are read from one file's packets; a file to more is treated as private to those read.
    public static let recipientsPerFile = 64

    /// A document of our own that is read back (a batch, the device document), in octets: 1,000 readings fit.
    public static let documentSize = 1 << 20

    // Readings
    /// Chains of readings that are known, those of earlier sensors and audiences included: 320 octets each in memory.
    public static let chains = 256
    /// Batches that are removed with one fsync: their names lie in memory meanwhile.
    public static let removedAtOnce = 256

    // Account
    /// Friends, over all groups.
    public static let friends = 256
    /// Groups below `.mau`.
    public static let groups = 64
    /// A friend's key or an account file, in octets: an RSA-4096 key with hundreds of certifications fits.
    public static let keyFileSize = 1 << 20
    /// A passphrase, in octets (gpg-agent refuses more than 255).
    public static let passphraseLength = 255

    // Server
    public static let connections = 64
    /// Of `connections`, kept for friends who have proven their key.
    public static let connectionsForFriends = 8
    public static let connectionsPerAddress = 8
    /// A request head, in octets.
    public static let requestHead = 8 << 10
    /// Field lines in a request head; browsers send about 20.
    public static let requestFields = 100
    /// Seconds for a request head to arrive.
    public static let requestHeadSeconds = 10
    /// Seconds without progress before a stalled response, or an idle connection, is closed.
    public static let idleSeconds = 60
    /// Seconds for a TLS handshake.
    public static let handshakeSeconds = 10
    /// TLS handshakes under way: with the connections, no more memory than that of 96 connections.
    public static let handshakes = 32
    /// Connections beyond `connections` that are being told 503; one more is closed without a word.
    public static let refusedConnections = 8
    /// After a refusal: seconds and octets that are still read and dropped, so that closing does not destroy the answer
    /// on its way (RFC 9112, section 9.6).
    public static let drainSeconds = 2
    public static let drainOctets = 256 << 10
    /// Seconds that responses on their way get when the program ends.
    public static let finishSeconds = 2
    /// Seconds until a listener that ran out of descriptors tries again.
    public static let acceptPauseSeconds = 1
    /// Octets of a file that are sent from the shared buffer together with their head; larger ones go by sendfile.
    public static let inlineBody = 16 << 10
    /// Octets of one body that are sent before others get their turn.
    public static let sendTurn = 2 << 20
    /// Rendered listings kept in memory (memfd): how many, and octets of all. One of 1,000 files takes 170 KiB.
    public static let listings = 16
    public static let listingOctets = 16 << 20
    /// Entries of one page of a listing.
    public static let listingPage = 1000

    // HTTP/2
    /// Requests of one connection that are answered at once: each may hold an open file.
    public static let http2Streams = 16
    /// Octets of content that a peer may send before it is asked for more.
    public static let http2Window = 16 << 10
    /// Octets that libnghttp2 may take for one connection. It starts with 22 KiB; 16 streams and full tables take as much again.
    public static let http2Memory = 96 << 10
    /// Frames that bring nobody on (PING, SETTINGS, PRIORITY, RST_STREAM, refused ones): so many at once, and so many more a second.
    public static let http2Nuisances = 100
    public static let http2NuisancesPerSecond = 20
    /// Octets of all bodies of one connection that are sent before it listens again, and others get their turn.
    public static let http2Turn = 256 << 10
    /// Octets of frames that are made at a time: one TLS record.
    public static let http2Output = 16 << 10

    // Board
    public static let boardFileSize = 256 << 10
    public static let sensors = 64
    public static let actuators = 64
    /// Readings in one batch.
    public static let batchSize = 1000
    /// What a command may print, in octets; one that prints more is killed.
    public static let readingText = 4096
    /// Where in a file or in what a command printed the number must stand, in octets.
    public static let readingStart = 128
    /// Seconds after which a file that is still being read counts as timed out.
    public static let readingSeconds = 10
    /// Seconds a command sensor may run.
    public static let commandSeconds = 30
    /// Words of a command, its path included.
    public static let commandArguments = 16
    /// Fingerprints in one audience.
    public static let audienceFingerprints = 32

    // JSON
    /// Nesting of objects and arrays: board.json has 5 levels, our documents 6.
    public static let jsonDepth = 16
    /// Values in one text: 64 sensors with every key take about 2,000; jansson takes up to 100 octets for one.
    public static let jsonValues = 8192

    // Work
    /// Jobs of the worker that are submitted and not yet taken.
    public static let workerJobs = 128
    /// OpenPGP operations that wait for gpg.
    public static let openPGPOperations = 64
    /// Seconds one run of gpg may take: 64 MiB on the slowest board take a few.
    public static let openPGPSeconds = 60
}
