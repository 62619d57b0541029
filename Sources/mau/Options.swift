import ArgumentParser
import Companion
import Node

/// Options of every verb that opens the account.
struct AccountOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The Mau directory (default: $MAU_ROOT, else ~/Mau).", valueName: "dir"), completion: .directory)
    var root: String?

    @Option(help: ArgumentHelp("The file with the account's passphrase (default: $MAU_PASSPHRASE_FILE, else the terminal).", valueName: "file"), completion: .file())
    var passphraseFile: String?

    @Option(help: ArgumentHelp("A directory in memory for GnuPG (default: $XDG_RUNTIME_DIR, /run or /dev/shm).", valueName: "dir"), completion: .directory)
    var runtime: String?

    func place() throws(CommandError) -> Place { try Place(root: root, passphraseFile: passphraseFile, runtime: runtime) }
}

/// Options of every verb that goes to the network.
struct NetworkOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where a device may be reached; may be repeated ($MAU_PEERS: more, separated by blanks).", valueName: "fpr=host:port"))
    var peer: [String] = []

    @Flag(name: .customLong("no-mdns"), help: "Do not look for devices on the local network.")
    var noMulticastDNS = false

    @Flag(help: "Reach devices by Bluetooth, and not over the network.")
    var bluetooth = false

    @Option(help: ArgumentHelp("The Bluetooth adapter to use (default: the first that is on).", valueName: "hciN"))
    var adapter: String?

    @Flag(name: .customLong("no-channel"), help: "By Bluetooth use GATT also where a device has an L2CAP channel.")
    var noChannel = false

    func validate() throws {
        if noChannel, !bluetooth { throw ValidationError("--no-channel has a meaning with --bluetooth only") }
        if adapter != nil, !bluetooth { throw ValidationError("--adapter has a meaning with --bluetooth only") }
        if bluetooth, !peer.isEmpty { throw ValidationError("--bluetooth and --peer: one or the other") }
        if let adapter, !adapter.hasPrefix("hci") || Int(adapter.dropFirst(3)) == nil { throw ValidationError("\(adapter) is no Bluetooth adapter: they are called hci0, hci1 and so on") }
    }

    func place(_ account: AccountOptions) throws(CommandError) -> Place {
        try Place(root: account.root, passphraseFile: account.passphraseFile, runtime: account.runtime, peers: peer, usesMulticastDNS: !noMulticastDNS,
                  bluetooth: bluetooth ? BluetoothChoice(adapter: adapter, usesChannel: !noChannel) : nil)
    }
}

/// What the output is: for people, or for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON (docs/mau.md has its members).")
    var json = false
}
