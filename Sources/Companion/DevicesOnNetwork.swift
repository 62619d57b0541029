import Account
import JSON
import Node
import OpenPGP
import Peer
import System

/// One device as `mau devices` tells of it.
package struct DeviceOnNetwork {
    package enum Presence: String {
        /// Whoever answers there has proven to have this key.
        case proven
        /// Nobody answers, or somebody else.
        case silent
        /// No address is known.
        case away
    }

    package let fingerprint: Fingerprint
    /// Nil: its key is not in the Mau directory.
    package let name: String?
    package let isFollowed: Bool
    package let address: PeerAddress?
    package let presence: Presence
    /// It says that it waits for an owner (mau claim).
    package var isClaimable = false
    /// Why it is silent.
    package let problem: String?
    /// How strong its radio is heard, in dBm, and by what it was reached: "tcp", "gatt", "channel".
    package var signalStrength: Int?
    package var carrier: String?
}

/// All of them, to be written.
package struct DevicesOnNetwork {
    package let devices: [DeviceOnNetwork]
    /// They were looked for by Bluetooth.
    package var isByRadio = false

    /// For a person.
    package var table: [UInt8] {
        if devices.isEmpty { return Array("nobody is \(isByRadio ? "in range" : "on the network"), and there are no friends yet (mau friend add KEYFILE)\n".utf8) }
        var table = Table(["device", "fingerprint", "address"] + (isByRadio ? ["signal", "by"] : []) + ["state"])
        for one in devices {
            let radio = [one.signalStrength.map { "\($0) dBm" } ?? "-", one.carrier ?? "-"]
            table.add([one.name ?? "(not a friend)", one.fingerprint.description, one.address.map { $0.words.text } ?? "-"] + (isByRadio ? radio : []) + [one.words])
        }
        return table.octets
    }

    /// For a program: an array of objects.
    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for one in devices {
            json.beginObject()
            json.member("device", one.fingerprint.description)
            json.member("name", one.name)
            json.member("isFriend", one.name != nil)
            json.member("isFollowed", one.isFollowed)
            json.member("address", one.address.map { $0.words.text })
            json.member("carrier", one.carrier)
            if let strength = one.signalStrength { json.member("signalStrength", strength) }
            json.member("state", one.presence.rawValue)
            if one.isClaimable { json.member("isClaimable", true) }
            json.member("problem", one.problem)
            json.endObject()
        }
        json.endArray()
        return json.bytes + [0x0A]
    }
}

extension DeviceOnNetwork {
    fileprivate var words: String {
        let state = [presence.rawValue, problem].compactMap { $0 }.joined(separator: ": ")
        if isClaimable { return "\(state), waits for an owner" }
        return name != nil && !isFollowed ? "\(state), not followed" : state
    }
}

extension Network {
    /// Who is announced or was given, each address tried; then friends without an address.
    package func look(seconds: Double?) throws(CommandError) -> DevicesOnNetwork {
        var places = desk.place.peers
        for one in try announced(seconds: seconds) where !places.contains(where: { $0.fingerprint == one.fingerprint && $0.address == one.address }) { places.append(one) }
        var devices: [DeviceOnNetwork] = []
        for place in places {
            let friend = desk.friends.friend(place.fingerprint)
            var problem: String?, carrier: String?
            switch try connect(place.fingerprint, at: place.address, seconds: Network.lookSeconds) {
            case .success(let connection):
                connection.close()
                carrier = "tcp"
            case .failure(let error): problem = error.description.text
            }
            devices.append(DeviceOnNetwork(fingerprint: place.fingerprint, name: friend?.name, isFollowed: desk.friends.isFollowed(place.fingerprint), address: place.address,
                                           presence: problem == nil ? .proven : .silent, isClaimable: claimable.contains(place.fingerprint), problem: problem,
                                           signalStrength: radioState(of: place.address)?.signalStrength, carrier: carrier.map { radioState(of: place.address)?.carrier ?? $0 }))
            if place.address.isBluetooth { radio?.leave(place.address) }
        }
        for friend in desk.friends.all where !devices.contains(where: { $0.fingerprint == friend.fingerprint }) {
            devices.append(DeviceOnNetwork(fingerprint: friend.fingerprint, name: friend.name, isFollowed: desk.friends.isFollowed(friend.fingerprint), address: nil,
                                           presence: .away, problem: nil))
        }
        return DevicesOnNetwork(devices: devices, isByRadio: desk.place.usesBluetooth)
    }

    /// For the handshake of somebody who only said to be there.
    private static let lookSeconds = 3.0
}
