import Account
import GnuPG
import JSON
import Node
import OpenPGP
import Peer
import System

/// Becoming the owner of a device that has none (docs/claim.md): with its code, and perhaps its fingerprint.
package struct Claiming {
    let desk: Desk
    let code: ClaimCode
    let fingerprint: Fingerprint?

    /// A device that is one's own now.
    package struct Claimed {
        package let fingerprint: Fingerprint
        package let name: String
        /// It was before: an earlier answer got lost.
        package let wasOwn: Bool
    }

    /// What became of an attempt with one device.
    private enum Outcome {
        case claimed(Claimed)
        /// The code is another one's.
        case wrongCode
        /// It has an owner, or is no device that can be claimed.
        case owned
        case unreachable(Message)
    }

    /// - Parameter text: a code, or a URI with a code.
    package init(_ desk: Desk, _ text: String) throws(CommandError) {
        self.desk = desk
        let octets = Array(text.trimmed.utf8)
        if let (node, code) = ClaimCode.read(uri: octets) {
            (fingerprint, self.code) = (node, code)
        } else if let code = ClaimCode(octets) {
            (fingerprint, self.code) = (nil, code)
        } else {
            throw CommandError(.usage, "that is no claim code (20 letters and digits, as in 0123A-4567B-89CDE-FGHJK) and no mau: URI with one")
        }
        if fingerprint == desk.own { throw CommandError(.usage, "this is the claim code of the account itself") }
    }

    package func run() throws(CommandError) -> Claimed {
        let candidates = try candidates()
        if candidates.isEmpty { throw CommandError(.unavailable, nobody) }
        var owned: [Fingerprint] = [], wrong: [Fingerprint] = [], problem: Message?
        // One device may have several addresses; what it says at one it would say at the others.
        for (device, address) in candidates where !owned.contains(device) && !wrong.contains(device) {
            switch try attempt(device, at: address) {
            case .claimed(let claimed): return claimed
            case .wrongCode: wrong.append(device)
            case .owned: owned.append(device)
            case .unreachable(let reason): problem = "\(device.hexadecimal) at \(address.words): \(reason)"
            }
        }
        for device in owned { if let own = try already(device) { return own } }
        if !wrong.isEmpty { throw CommandError(.noPermission, wrong.count > 1 ? "this is the claim code of none of the \(wrong.count) devices that wait for an owner" : "the claim code is wrong") }
        if let device = owned.first {
            throw CommandError(.dataError, "\(device.hexadecimal) has an owner already, or takes none: its owner can add you (mau controllers), or it is reset (maud reset)")
        }
        throw CommandError(.unavailable, problem ?? nobody)
    }

    private var nobody: Message {
        if desk.place.usesBluetooth { return fingerprint.map { "\($0.hexadecimal) is not in range of Bluetooth, or not on" } ?? "no device in range of Bluetooth waits for an owner" }
        guard let fingerprint else { return "no device on this network waits for an owner; --peer FINGERPRINT=HOST:PORT says where it is" }
        return "\(fingerprint.hexadecimal) is not on this network; --peer FINGERPRINT=HOST:PORT says where it is"
    }

    /// Where to try: the one device that the URI names; else whoever was given, or says that it waits for an owner.
    private func candidates() throws(CommandError) -> [(fingerprint: Fingerprint, address: PeerAddress)] {
        let network = try desk.network()
        if let fingerprint { return try network.addresses(of: fingerprint).map { (fingerprint, $0) } }
        if !desk.place.peers.isEmpty { return desk.place.peers }
        let announced = try network.announced()
        return announced.filter { network.claimable.contains($0.fingerprint) }
    }

    // MARK: One device

    private func attempt(_ device: Fingerprint, at address: PeerAddress) throws(CommandError) -> Outcome {
        let network = try desk.network(), connection: PeerConnection
        switch try network.connect(device, at: address) {
        case .success(let made): connection = made
        case .failure(let error): return .unreachable(error.description)
        }
        defer { connection.close() }
        guard let nonce = try network.challenge(on: connection, of: device) else { return .unreachable("it gives no challenge: it is no device, or has just begun") }
        let nonces = nonce + Random.octets(ClaimCode.nonceCount)
        let attempt = nonces + code.proof(.claimer, claimer: desk.own, node: device, nonces: nonces)
        let answer: Response
        switch try patiently({ () throws(CommandError) in try network.claim(attempt, nil, on: connection, of: device) }) {
        case .success(let response): answer = response
        case .failure(let error): return .unreachable(error.description)
        }
        switch answer.status {
        case 200: break
        case 403, 429: return .wrongCode
        case 404: return .owned
        default: return .unreachable("it answered with status \(answer.status)")
        }
        // It knows the code too, and so is the device that the code is of.
        guard ClaimCode.isSame(Array(answer.content.prefix(ClaimCode.proofCount)), code.proof(.node, claimer: desk.own, node: device, nonces: nonces)) else {
            return .unreachable("it does not know the code that it pretends to know")
        }
        return try own(device, key: Array(answer.content.dropFirst(ClaimCode.proofCount)), attempt, on: connection)
    }

    /// The device's key is kept before ours is given: if its answer gets lost, we can still talk to it.
    private func own(_ device: Fingerprint, key: [UInt8], _ attempt: [UInt8], on connection: PeerConnection) throws(CommandError) -> Outcome {
        let network = try desk.network(), wasFriend = desk.friends.friend(device) != nil
        let name = try desk.keep(key, of: device), ownKey = try desk.publicKey()
        let answer: Response
        switch try patiently({ () throws(CommandError) in try network.claim(attempt, ownKey, on: connection, of: device) }) {
        case .success(let response): answer = response
        case .failure(let error):
            throw CommandError(.temporary, "no answer came (\(error.description)), so \(printable(name)) may or may not be yours now: try mau claim again")
        }
        if answer.status == 201 { return .claimed(Claimed(fingerprint: device, name: name, wasOwn: false)) }
        if !wasFriend { try desk.forget(device) }
        switch answer.status {
        case 422: throw CommandError(.dataError, "\(printable(name)) refuses your key: it has expired, cannot be encrypted to, or shares a subkey with somebody")
        case 404: return .owned
        default: throw CommandError(.temporary, "\(printable(name)) could not store your key (status \(answer.status)): try again")
        }
    }

    /// A device that is busy gets a few more seconds.
    private func patiently(_ ask: () throws(CommandError) -> Result<Response, PeerError>) throws(CommandError) -> Result<Response, PeerError> {
        for _ in 0..<10 {
            let result = try ask()
            guard case .success(let response) = result, response.status == 503 else { return result }
            try desk.turn(atMost: 1) { false }
        }
        return try ask()
    }

    /// A device that has an owner may be one's own: then it shows who may command it.
    private func already(_ device: Fingerprint) throws(CommandError) -> Claimed? {
        guard let friend = desk.friends.friend(device), desk.friends.isFollowed(device) else { return nil }
        let known = KnownDevice(fingerprint: device, friendName: friend.name, isFollowed: true, description: nil)
        guard let list = try? desk.controllers(of: known), list.contains(desk.own) else { return nil }
        return Claimed(fingerprint: device, name: friend.name, wasOwn: true)
    }
}

extension Claiming.Claimed {
    package func report(json isJSON: Bool) -> [UInt8] {
        if isJSON {
            var json = JSONWriter()
            json.beginObject()
            json.member("device", fingerprint.description)
            json.member("deviceName", name)
            json.member("wasOwn", wasOwn)
            json.endObject()
            return json.bytes + [0x0A]
        }
        return printable(name) + Array(" (\(fingerprint.description)) is yours\(wasOwn ? " already" : " now")\n".utf8)
    }
}

extension Network {
    /// An attempt to claim a device: asks for its proof, or with a key brings that.
    func claim(_ attempt: [UInt8], _ key: [UInt8]?, on connection: PeerConnection, of device: Fingerprint) throws(CommandError) -> Result<Response, PeerError> {
        let reception = Reception(limit: 64 << 10)
        var target = Array("/p2p/\(device.description)/claim-".utf8)
        attempt.withUnsafeBytes { target.append(hexadecimal: $0) }
        if let key { connection.put(key, to: target, host: device.hexadecimal, fields: Array("Content-Type: application/octet-stream\r\n"), consumer: reception) } else {
            connection.get(target, host: device.hexadecimal, consumer: reception)
        }
        return try wait(reception)
    }
}

extension Desk {
    /// Makes a device a friend that is followed, by a key that must be its; its name.
    func keep(_ key: [UInt8], of device: Fingerprint) throws(CommandError) -> String {
        let gnuPG = session.gnuPG
        let keys = try session.finish { (done: @escaping GnuPG.Completion<[KeyDescription]>) in gnuPG.describeKeys(in: key, completion: done) }
        guard keys.count == 1, let first = keys.first, !first.isSecret, first.fingerprint == device else { throw CommandError(.dataError, "the device sent a key that is not its own") }
        _ = try session.finish { friends.add(key, to: nil, completion: $0) }
        _ = try session.finish { friends.load(completion: $0) }
        try follow(device)
        return friends.friend(device)?.name ?? Friend.name(userID: first.userID.text)
    }

    /// Takes that back.
    func forget(_ device: Fingerprint) throws(CommandError) {
        try unfollow(device)
        try removeFriend(device, from: nil)
    }
}
