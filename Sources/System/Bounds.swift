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
    /// The vocabulary that the program carries, in octets: 25,679 of them.
    public static let vocabulary = 32 << 10

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

    // Syncer
    /// Entries of all pages of one listing: a directory holds at most `filesPerDirectory`, and some may be replaced meanwhile.
    public static let listedEntries = 2 * filesPerDirectory
    /// Octets of one response with a listing: 10,000 entries of ours with names of 100 octets take 2.6 MiB.
    public static let receivedListingOctets = 8 << 20
    /// Entries that are kept to be fetched; when a listing has more, it is asked for again after these.
    public static let syncEntries = 500
    /// Files that the Go implementation lists: its first, without a way to the others.
    public static let listedByGo = 100
    /// Pages of one listing.
    public static let syncPages = 256
    /// Friends that are synced at once, each over one connection.
    public static let syncConnections = 4
    /// Files of one friend that are verified and stored while the next one arrives.
    public static let syncFinishing = 2
    /// A file that another program receives into the same directory: it is looked for so often in one visit, with this pause (a minute in all).
    public static let syncElsewhereWaits = 240
    public static let syncElsewhereMilliseconds = 250
    /// Two of these for each file that is arriving: one is written while the other fills.
    public static let syncBuffer = 32 << 10
    /// Octets a second, of all friends together.
    public static let syncRate = 16 << 20
    /// Octets of one friend's files, versions included, and of all friends'.
    public static let syncOctetsPerFriend: Int64 = 256 << 20
    public static let syncOctets: Int64 = 1 << 30
    /// What friends' files leave free on the disk: the node's own readings need it.
    public static let syncFreeOctets: Int64 = 64 << 20
    /// Files of one friend whose refusal is remembered; with more the friend is given up until the next time.
    public static let syncRefusals = 256
    /// Addresses known of one friend; a new one takes the place of the oldest.
    public static let syncAddresses = 8
    /// Addresses of all friends that announcements led to.
    public static let discoveredAddresses = 256
    /// Seconds of the longest pause between attempts to reach the system's bus.
    public static let busPauseSeconds = 60
    /// Addresses that one host name stands for.
    public static let resolvedAddresses = 4
    /// Seconds for a connection to be made, its handshake included.
    public static let dialSeconds = 10
    /// Seconds within which a peer has to send `progressOctets`, or all of what it owes.
    public static let progressSeconds = 30
    public static let progressOctets = 4 << 10
    /// Seconds of one visit to a friend; what is left is fetched the next time.
    public static let syncPassSeconds = 600
    /// Seconds between two visits, at least, whatever happens.
    public static let syncRestSeconds = 5
    /// Seconds between two visits when all is well.
    public static let syncIntervalSeconds = 60
    /// Seconds of the first pause after a failure, which doubles, and of the longest.
    public static let syncPauseSeconds = 10
    public static let syncLongestPauseSeconds = 3600
    /// A message may become this many times its size when it is opened, and at most `fileSize` octets.
    public static let inflation = 100

    // Bluetooth
    /// Clients that have a stream over GATT, and as many channels: more than any controller has links.
    public static let bluetoothClients = 16
    /// Clients beyond these that are told so; one more is refused its subscription.
    public static let bluetoothRefused = 4
    /// Channels of one of them: a client needs one, and nobody gets all.
    public static let channelsOfOneClient = 4
    /// Octets of a message that a channel takes: the kernel gives credit for 9 packets of 247 octets then.
    public static let channelMessage = 2048
    /// Data fragments that a node takes without an acknowledgement: a command of 1 KiB comes in one go, and 4 KiB of memory are enough.
    public static let fragmentsToNode: UInt8 = 8
    /// The same of a client: all that a header can say, because files are what it comes for.
    public static let fragmentsToClient: UInt8 = 15
    /// Seconds in which the other side must acknowledge something, or answer.
    public static let fragmentSeconds = 30

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

    // Commands
    /// A command file, and the body of a PUT, in octets: a signed and encrypted command takes about 1 KiB.
    public static let commandFile = 16 << 10
    /// What is inside it, in octets: a command takes about 300, one with a key in it several thousand.
    public static let commandDocument = 14 << 10
    /// A public key inside a command, in octets; it is written in base 64. Ed25519 takes about 400, RSA of 4096 bits about 3,000.
    public static let commandKey = 10 << 10
    /// A friend's file with its own public key, in octets; a longer one is left alone.
    public static let publishedKey = 64 << 10
    /// Controllers removed by a command whose keys are kept in memory, so that they can read the answer.
    public static let formerControllers = 16
    /// Session key packets of a command file: the device's key and the sender's.
    public static let commandRecipients = 8
    /// PUTs that are received or judged at one time.
    public static let commandsAtOnce = 4
    /// Command files whose names wait to be judged after they came by another way than PUT; further ones are left, and counted.
    public static let commandsWaiting = 256
    /// Commands of strangers that gpg looks at in a minute.
    public static let strangerCommandsPerMinute = 12
    /// Seconds that gpg may take for one command file: a fraction of one is usual.
    public static let commandOpeningSeconds = 5
    /// Seconds for the body of a PUT to arrive.
    public static let putSeconds = 10
    /// Seconds that startTime may be from the device's time, unless board.json says otherwise.
    public static let commandWindow = 300
    /// Commands that the ledger remembers one by one; beyond, the oldest is known by its answer alone.
    public static let ledgerRecords = 256
    /// Pairs of controller and actuator whose highest startTime is kept; beyond, the lowest is forgotten, which the window makes up for.
    public static let ledgerHighest = 1024
    /// Challenges that were used within their lifetime, and that lifetime in seconds.
    public static let usedChallenges = 256
    public static let challengeSeconds = 300
    /// Answers kept; beyond, the oldest tenth is removed.
    public static let answers = 1000
    /// Files of the log kept; beyond, the oldest tenth is removed, with a checkpoint.
    public static let logFiles = 1000
    /// Outcomes in one file of the log, and outcomes that wait to be logged while nothing can be written.
    public static let logEntries = 16
    public static let logWaiting = 64
    /// Command files that PUT keeps in the directory of a controller; beyond, the oldest tenth is removed.
    public static let storedCommands = 1000

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
