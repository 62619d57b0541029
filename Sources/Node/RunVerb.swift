import Account
import Board
import OpenPGP
import Peer
import System

/// What `maud run` was asked to do.
struct RunOptions {
    let root: String
    let state: String
    let runtime: String?
    let passphraseFile: String?
    let boardFile: String
    let http: ListenAddress
    let https: ListenAddress
    /// Whether `--https` was said: then a key that TLS cannot use is an error.
    let wantsHTTPS: Bool
    /// Where friends may be reached, besides what the network tells.
    let peers: [(Fingerprint, PeerAddress)]
    let usesMulticastDNS: Bool
    /// Where a person finds the claim code, as long as there is no owner; empty: nowhere.
    let claimFile: String
    let usesBluetooth: Bool

    init(_ invocation: Invocation) throws(CommandError) {
        root = try invocation.required("--root")
        boardFile = try invocation.required("--board")
        state = try StateDirectory.path(invocation.value("--state"))
        runtime = invocation.value("--runtime")
        passphraseFile = invocation.value("--passphrase-file")
        http = try ListenAddress(invocation.value("--http") ?? "[::]:8008", option: "--http")
        peers = try invocation.values("--peer").map { (text) throws(CommandError) in try CommonOptions.peer(text) }
        usesMulticastDNS = !invocation.has("--no-mdns")
        claimFile = invocation.value("--claim-file") ?? ""
        usesBluetooth = !invocation.has("--no-bluetooth")
        wantsHTTPS = invocation.value("--https") != nil
        https = try ListenAddress(invocation.value("--https") ?? "[::]:8448", option: "--https")
    }
}

extension CommandLineInterface {
    static var runVerb: Verb { Verb(
        name: "run", summary: "serve this Mau directory and publish the board's readings",
        options: [
            CommonOptions.root, CommonOptions.passphraseFile,
            OptionDescription("--board", "FILE", required: true, "what is attached (board.json)"),
            OptionDescription("--state", "DIR", "the node's own state (default: $STATE_DIRECTORY, $XDG_STATE_HOME/maud or ~/.local/state/maud)"),
            CommonOptions.runtime,
            OptionDescription("--http", "ADDR:PORT", "where to serve public files (default: [::]:8008; port 0: any free port)"),
            OptionDescription("--https", "ADDR:PORT", "where friends are known by their keys, by TLS (default: [::]:8448)"),
            CommonOptions.peer,
            OptionDescription("--no-mdns", nil, "neither announce this node on the local network nor look for friends there"),
            OptionDescription("--claim-file", "FILE", "where to write the claim code, on the boot partition; it goes when the node has an owner"),
            OptionDescription("--no-bluetooth", nil, "whatever board.json says, do not be reached over Bluetooth LE"),
        ], arguments: []) { (invocation) throws(CommandError) in
            let options = try RunOptions(invocation)
            let node = try RunningNode(options)
            try node.run()
        }
    }
}
