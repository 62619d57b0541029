import JSON
import Node
import OpenPGP
import System

/// One file of anybody, in the order of time.
package struct BrowsedFile {
    package let file: VerifiedFile
    package let ownerName: String
    package let summary: Summary
}

/// Everything in time order: the convention's browser.
package struct Browsing {
    package let files: [BrowsedFile]
    /// Files that are not believed.
    package let problems: Int

    package var text: [UInt8] {
        var table = Table(["time", "from", "file", "says"])
        for one in files { table.add([Date.text(nanoseconds: one.file.time), one.ownerName, one.file.name, one.summary.text]) }
        return files.isEmpty ? Array("there is nothing here yet\n".utf8) : table.octets
    }

    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for one in files {
            json.beginObject()
            json.member("date", Date.text(nanoseconds: one.file.time))
            json.member("from", one.file.owner.description)
            json.member("name", one.ownerName)
            json.member("file", one.file.name)
            json.member("type", one.summary.type)
            json.member("summary", one.summary.text)
            json.member("wasEncrypted", one.file.wasEncrypted)
            json.endObject()
        }
        json.endArray()
        return json.bytes + [0x0A]
    }
}

extension Desk {
    /// The newest files of some users, or of everybody; oldest first, by when they were signed.
    package func browse(_ owners: [KnownDevice], last: Int) throws(CommandError) -> Browsing {
        var found: [(owner: KnownDevice, name: String, time: Int64)] = []
        for owner in owners {
            let directory = directory(of: owner.fingerprint)
            for name in try names(of: owner.fingerprint) {
                guard let status = try? Files.status(directory + "/" + name, follow: false) else { continue }
                found.append((owner, name, status.modification_time))
            }
        }
        // Which ones are the newest, the files' own times tell; the signatures then put them into order.
        found.sort { $0.time < $1.time }
        let progress = Progress("opening")
        defer { progress.clear() }
        var files: [(BrowsedFile, Int64)] = [], problems = 0
        for (count, one) in found.suffix(last).enumerated() {
            switch try open(one.owner.fingerprint, one.name) {
            case .success(let file): files.append((BrowsedFile(file: file, ownerName: one.owner.name, summary: Summary(file)), one.time))
            case .failure(let problem):
                problems += 1
                Desk.note("\(printable(one.name)) of \(one.owner.name) is not believed: \(problem.reason)")
            }
            progress.show(count)
        }
        files.sort { ($0.0.file.time, $0.1) < ($1.0.file.time, $1.1) }
        return Browsing(files: files.map(\.0), problems: problems)
    }
}
