import JSON
import Node
import OpenPGP
import System

/// What is known of devices, from their own signed documents in the Mau directory.
extension Desk {
    /// Every friend as a device that a person may name.
    package func selection() throws(CommandError) -> Selection {
        var devices: [KnownDevice] = []
        for friend in friends.all {
            devices.append(KnownDevice(fingerprint: friend.fingerprint, friendName: friend.name, isFollowed: friends.isFollowed(friend.fingerprint),
                                       description: try description(of: friend.fingerprint)))
        }
        return Selection(devices)
    }

    /// The same after the devices that these names may be about were asked; `offline`: as it is.
    package func selection(about names: [String], offline: Bool) throws(CommandError) -> Selection {
        let known = try selection()
        if offline { return known }
        try refresh(candidates(names, in: known))
        return try selection()
    }

    /// Everybody whose files may be here, and this account.
    package func everybody() throws(CommandError) -> [KnownDevice] { try selection().devices + [ownDevice()] }

    /// The devices that a person named. When a name is not known, devices that were never visited are asked what they call themselves.
    package func devices(_ names: [String], offline: Bool) throws(CommandError) -> [KnownDevice] {
        var selection = try selection()
        let isKnown = { (name: String) in selection.devices.contains { $0.isMeant(by: name) } }
        if !offline, !names.allSatisfy(isKnown) {
            try refresh(selection.devices.filter { $0.isFollowed && $0.description == nil })
            selection = try self.selection()
        }
        var devices: [KnownDevice] = []
        for name in names { devices.append(try selection.device(name)) }
        return devices
    }

    /// A device's description of itself; nil when it is not here. One that is not right is told of and counts as none.
    func description(of device: Fingerprint) throws(CommandError) -> DeviceDescription? {
        guard (try? Files.status(directory(of: device) + "/" + DeviceDescription.fileName)) != nil else { return nil }
        switch try open(device, DeviceDescription.fileName).flatMap({ file in file.document { (top) throws(JSONError) in try DeviceDescription(top, of: device) } }) {
        case .success(let description): return description
        case .failure(let problem):
            Desk.note("\(DeviceDescription.fileName) of \(device.hexadecimal) counts as none: \(problem.reason)")
            return nil
        }
    }

    /// Opens a batch.
    func batch(_ device: Fingerprint, _ name: String) throws(CommandError) -> Result<ReadingBatch, FileProblem> {
        try open(device, name).flatMap { file in file.document { (top) throws(JSONError) in try ReadingBatch(top, file: file) } }
    }

    /// The newest batch of a sensor, of whichever of its chains was signed last; nil when there is none.
    func newestBatch(_ device: Fingerprint, _ sensor: String, _ names: BatchNames) throws(CommandError) -> ReadingBatch? {
        var newest: (batch: ReadingBatch, time: Int64)?
        for name in names.newest(ofSensor: sensor) {
            let file: VerifiedFile
            switch try open(device, name) {
            case .success(let opened): file = opened
            case .failure(let problem):
                Desk.note("\(name) of \(device.hexadecimal) does not count: \(problem.reason)")
                continue
            }
            switch file.document({ (top) throws(JSONError) in try ReadingBatch(top, file: file) }) {
            case .success(let batch): if newest.map({ file.time > $0.time }) ?? true { newest = (batch, file.time) }
            case .failure(let problem): Desk.note("\(name) of \(device.hexadecimal) does not count: \(problem.reason)")
            }
        }
        return newest?.batch
    }

    /// Fetches what is new from devices, as far as they can be reached. What could not be had is told of and no error: what is here is still true.
    ///
    /// - Returns: the devices that were visited without a problem.
    @discardableResult
    package func refresh(_ devices: [KnownDevice]) throws(CommandError) -> [Fingerprint] {
        var fresh: [Fingerprint] = []
        for device in devices {
            guard device.isFollowed else {
                Desk.note("\(device.name) is not followed, so nothing of it is kept: mau friend follow \(String(device.fingerprint.description.prefix(16))) begins it")
                continue
            }
            let visit = try network().visit(device.fingerprint)
            if visit.refused > 0 { Desk.note("\(visit.refused) files of \(device.name) were refused: they are not what they should be") }
            // Friends who are no devices are away most of the time.
            if visit.isAway, device.description == nil, devices.count > 1 { continue }
            if let problem = visit.problem { Desk.note("\(device.name) could not be visited: \(problem); what is shown was fetched earlier") } else { fresh.append(device.fingerprint) }
        }
        return fresh
    }
}
