import CLinux
import Node
import OpenPGP
import Peer
import System

/// How Bluetooth is used.
package struct BluetoothChoice {
    /// The adapter, "hci0"; nil: the first that is on.
    let adapter: String?
    /// An L2CAP channel is taken where there is one.
    let usesChannel: Bool

    package init(adapter: String?, usesChannel: Bool) {
        self.adapter = adapter
        self.usesChannel = usesChannel
    }
}

/// Where the Mau directory is, how its account is opened, and how devices are reached: what all verbs of `mau` share.
package struct Place {
    package let root: String
    package let passphraseFile: String?
    package let runtime: String?
    /// Addresses that the person gave.
    package let peers: [(fingerprint: Fingerprint, address: PeerAddress)]
    package let usesMulticastDNS: Bool
    /// How devices are reached by Bluetooth, and then in no other way; nil: they are not.
    package let bluetooth: BluetoothChoice?

    /// - Parameters:
    ///   - root: `--root`; else $MAU_ROOT, else ~/Mau.
    ///   - peers: values of `--peer`; those of $MAU_PEERS, separated by blanks, come behind.
    package init(root: String?, passphraseFile: String?, runtime: String?, peers: [String] = [], usesMulticastDNS: Bool = true, bluetooth: BluetoothChoice? = nil)
        throws(CommandError) {
        self.root = try Place.root(root)
        self.passphraseFile = passphraseFile ?? Place.environment("MAU_PASSPHRASE_FILE")
        self.runtime = runtime
        self.usesMulticastDNS = usesMulticastDNS && bluetooth == nil
        self.bluetooth = bluetooth
        let more = Place.environment("MAU_PEERS")?.split(separator: " ").map(String.init) ?? []
        self.peers = bluetooth != nil ? [] : try (peers + more).map { (text) throws(CommandError) in try CommonOptions.peer(text) }
    }

    private static func root(_ given: String?) throws(CommandError) -> String {
        if let given = given ?? environment("MAU_ROOT") { return given }
        guard let home = environment("HOME") else { throw CommandError(.usage, "--root is missing, and neither $MAU_ROOT nor $HOME says where the Mau directory is") }
        return home + "/Mau"
    }

    /// A variable of the environment that is set and not empty.
    package static func environment(_ name: String) -> String? {
        guard let value = maud_environment(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    var usesBluetooth: Bool { bluetooth != nil }

    /// Addresses that the person gave for one peer.
    func addresses(of fingerprint: Fingerprint) -> [PeerAddress] { peers.filter { $0.fingerprint == fingerprint }.map(\.address) }
}
