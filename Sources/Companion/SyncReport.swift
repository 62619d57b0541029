import JSON
import Node
import System

/// What visits to devices brought.
package struct SyncReport {
    package let visits: [(device: KnownDevice, visit: Visit)]

    package var text: [UInt8] {
        var table = Table(["device", "fetched", "refused", "state"])
        for (device, visit) in visits { table.add([device.name, String(visit.files), String(visit.refused), visit.problem?.text ?? "complete"]) }
        return visits.isEmpty ? Array("no device is followed\n".utf8) : table.octets
    }

    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for (device, visit) in visits {
            json.beginObject()
            json.member("device", device.fingerprint.description)
            json.member("deviceName", device.name)
            json.member("files", visit.files)
            json.member("refused", visit.refused)
            json.member("isComplete", visit.problem == nil)
            json.member("problem", visit.problem?.text)
            json.endObject()
        }
        json.endArray()
        return json.bytes + [0x0A]
    }

    /// A sentence when not everything could be had.
    package var problem: Message? {
        let names = visits.filter { $0.visit.problem != nil }.map(\.device.name)
        return names.isEmpty ? nil : "not complete: \(printable(names.joined(separator: ", ")))"
    }
}

extension Desk {
    package func sync(_ devices: [KnownDevice]) throws(CommandError) -> SyncReport {
        var visits: [(device: KnownDevice, visit: Visit)] = []
        for device in devices {
            guard device.isFollowed else { throw CommandError(.dataError, "\(device.name) is not followed: mau friend follow \(device.fingerprint.description) begins it") }
            visits.append((device, try network().visit(device.fingerprint)))
        }
        return SyncReport(visits: visits)
    }
}
