import Peer
import Testing
@testable import Companion

/// docs/mau.md, part 9.
@Suite struct BluetoothAddressTests {
    @Test func aBluetoothAddressIsOneOfSixPairs() throws {
        let address = try #require(PeerAddress(bluetooth: "F0:0D:5E:00:53:01"))
        #expect(address.isBluetooth && address.isNumeric && address.words.text == "F0:0D:5E:00:53:01")
    }

    @Test(arguments: ["", "F0:0D:5E:00:53", "F0:0D:5E:00:53:01:02", "F0-0D-5E-00-53-01", "F00D:5E00:5301:12:4", "greenhouse.lan", "F0:0D:5E:00:53:0g"])
    func nothingElseIs(_ text: String) { #expect(PeerAddress(bluetooth: text) == nil) }

    /// An address of the network is never taken for a Bluetooth device.
    @Test(arguments: ["[2001:db8::53:1:22]:8448", "[::1]:8448", "[fe80::1234:56:789%2]:1", "192.0.2.1:8448", "[1:2:3:4:5:6:7:8]:1", "greenhouse-12345.a:1"])
    func addressesOfTheNetworkAreNot(_ text: String) throws {
        let address = try #require(PeerAddress(Array(text.utf8)))
        #expect(!address.isBluetooth && address.words.text == address.description.text)
    }

    @Test func whoWantsBluetoothGoesNowhereElse() throws {
        let peer = "a62fd4d43e3fc83ec3bedef69c780921444be7d5=192.0.2.1:8448"
        let place = try Place(root: "/nowhere", passphraseFile: nil, runtime: nil, peers: [peer], bluetooth: BluetoothChoice(adapter: "hci1", usesChannel: true))
        #expect(place.peers.isEmpty && !place.usesMulticastDNS && place.usesBluetooth)
        #expect(try Place(root: "/nowhere", passphraseFile: nil, runtime: nil, peers: [peer]).peers.count == 1)
    }
}
