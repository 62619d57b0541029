import JSON
import Node
import OpenPGP
import System

/// What `mau verify` found in the chains of devices.
package struct VerificationReport {
    package let chains: [VerifiedChain]

    package init(_ chains: [VerifiedChain]) { self.chains = chains }

    package var problems: Int { chains.reduce(0) { $0 + $1.verification.problems.count } }

    package var text: [UInt8] {
        var table = Table(["device", "chain", "files", "numbers", "state"])
        for chain in chains {
            let found = chain.verification
            var state = found.isWhole ? ["whole"] : ["NOT WHOLE"]
            if let through = found.removedThrough { state.append("the device removed \(numbers(1, through))") }
            if let absent = found.absent { state.append("\(numbers(absent.lowerBound, absent.upperBound)) not here: from before this account could read them, or kept back") }
            table.add([chain.device.name, chain.name, String(found.files), found.range.map { numbers($0.lowerBound, $0.upperBound) } ?? "-", state.joined(separator: "; ")])
        }
        var lines = table.lines
        for chain in chains {
            for problem in chain.verification.problems {
                lines.append(printable("\(problem.kind.rawValue): \(chain.device.name) \(chain.name) \(numbers(problem.first, problem.last)): \(problem.reason)").text)
            }
        }
        return lines.flatMap { Array($0.utf8) + [0x0A] }
    }

    private func numbers(_ first: UInt64, _ last: UInt64) -> String { first == last ? String(first) : "\(first)...\(last)" }

    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for chain in chains {
            let found = chain.verification
            json.beginObject()
            json.member("device", chain.device.fingerprint.description)
            json.member("deviceName", chain.device.name)
            json.member("chain", chain.name)
            json.member("files", found.files)
            json.member("first", found.range.map { Int($0.lowerBound) })
            json.member("last", found.range.map { Int($0.upperBound) })
            json.member("removedThrough", found.removedThrough.map { Int($0) })
            json.member("absentThrough", found.absent.map { Int($0.upperBound) })
            json.member("isWhole", found.isWhole)
            json.key("problems")
            json.beginArray()
            for problem in found.problems { json.problem(problem) }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        return json.bytes + [0x0A]
    }
}

extension JSONWriter {
    fileprivate mutating func problem(_ problem: ChainVerification.Problem) {
        beginObject()
        member("kind", problem.kind.rawValue)
        member("first", Int(problem.first))
        member("last", Int(problem.last))
        member("reason", problem.reason)
        endObject()
    }
}

/// One file that was verified for itself.
package struct FileReport {
    package let path: String
    package let file: VerifiedFile
    /// Who signed it, as this account knows it.
    package let name: String
    package let summary: String

    package var text: [UInt8] {
        let kind = file.wasEncrypted ? "signed and encrypted" : "signed"
        return printable("\(path): \(kind) by \(name) (\(file.owner.description)) at \(Date.text(nanoseconds: file.time)): \(summary)") + [0x0A]
    }

    package var json: [UInt8] { json(withContent: false) }

    /// - Parameter withContent: with a member for the content; one that is no text is left out.
    package func json(withContent: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("file", path)
        json.member("signedBy", file.owner.description)
        json.member("name", name)
        json.member("date", Date.text(nanoseconds: file.time))
        json.member("wasEncrypted", file.wasEncrypted)
        json.member("sha256", file.sum.hexadecimal.text)
        json.member("octets", file.content.count)
        json.member("summary", summary)
        if withContent { json.member("content", String(validating: file.content, as: UTF8.self)) }
        json.endObject()
        return json.bytes + [0x0A]
    }
}

extension Desk {
    /// Verifies a file by its path: one in the directory of a fingerprint must be signed by that key, any other by a friend or this account.
    package func verify(file path: String) throws(CommandError) -> FileReport {
        let message: [UInt8]
        do throws(SystemError) { message = try Files.read(path, limit: Bounds.fileSize) } catch { throw CommandError("cannot read the file", error) }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch try open(message, of: CommandLineInterface.authorOfPath(path), name) {
        case .failure(let problem): throw CommandError(.dataError, "\(printable(path)) is not believed: \(problem.reason)")
        case .success(let file):
            return FileReport(path: path, file: file, name: file.owner == own ? "you" : friends.friend(file.owner)?.name ?? "an unknown key", summary: Summary(file).text)
        }
    }

    /// This account as a device: it may be a node's own.
    func ownDevice() throws(CommandError) -> KnownDevice {
        KnownDevice(fingerprint: own, friendName: "you", isFollowed: false, description: try description(of: own))
    }
}
