import Account
import CLinux
import GnuPG
import JSON
import OpenPGP
import Readings
import System
import Vocabulary

/// `maud log`: who commanded what, and what happened, from the signed files themselves.
extension CommandLineInterface {
    static var logVerb: Verb { Verb(
        name: "log", summary: "print who commanded what and what happened, every file verified, oldest first",
        options: [CommonOptions.root, CommonOptions.passphraseFile, CommonOptions.runtime], arguments: []) { (invocation) throws(CommandError) in
            let session = try Session(invocation)
            var reader = LogReader(session: session, directory: MauDirectory(session.root).content(of: session.account.fingerprint))
            try reader.read()
            if reader.problems > 0 { throw CommandError(.dataError, "the log is not whole (\(reader.problems) problems)") }
        }
    }
}

/// Reads the files of the log in their order, checks signatures and the chain, and prints a line for each command.
private struct LogReader {
    let session: Session
    let directory: String
    var problems = 0
    private var walk = ChainWalk()

    init(session: Session, directory: String) {
        self.session = session
        self.directory = directory
    }

    mutating func read() throws(CommandError) {
        let sequences: [UInt64]
        do throws(SystemError) { sequences = try list() } catch { throw CommandError("cannot read the log", error) }
        try readCheckpoint()
        for sequence in sequences where sequence >= walk.expected {
            if let numbers = walk.reach(sequence) { problem("\(Int(numbers.lowerBound)) to \(Int(numbers.upperBound)) are missing") }
            try read(sequence)
        }
    }

    private func list() throws(SystemError) -> [UInt64] {
        var sequences: [UInt64] = []
        guard try Files.status(directory) != nil else { return [] }
        let open = try FileDescriptor.open(directory, [.read, .directory])
        try Files.forEachName(inDirectory: open.rawValue) { (name) throws(SystemError) in
            if let sequence = CommandLogDocument.sequence(ofName: Array(String(cString: name).utf8)) { sequences.append(sequence) }
            return true
        }
        sort(count: sequences.count, isLess: { sequences[$0] < sequences[$1] }, swap: { sequences.swapAt($0, $1) })
        return sequences
    }

    /// What the node itself removed is not missing.
    private mutating func readCheckpoint() throws(CommandError) {
        let name = LogCheckpointDocument.fileName.text
        guard (try? Files.status(directory + "/" + name)) != nil, let (content, _) = try open(name) else { return }
        do throws(JSONError) {
            let top = try JSONDocument(content, limit: Bounds.documentSize).top.object()
            let through = try top.required("removedThrough").integer(1...999_999_999_999)
            walk.goOn(after: UInt64(through), SHA256Sum(hexadecimal: try top.required("removedThroughSha256").string()))
        } catch { problem("\(name) says \(error.description(file: name))") }
    }

    /// The content of a file that this account signed, and the file's SHA-256.
    private mutating func open(_ name: String) throws(CommandError) -> ([UInt8], SHA256Sum)? {
        let message: [UInt8]
        do throws(SystemError) { message = try Files.read(directory + "/" + name, limit: Bounds.documentSize) } catch { throw CommandError("cannot read the log", error) }
        let gnuPG = session.gnuPG
        do throws(GnuPGError) {
            let opened = try gnuPG.wait { gnuPG.open(message, limit: Bounds.documentSize, completion: $0) }
            if opened.signer == session.account.fingerprint { return (opened.content, SHA256Sum(of: message)) }
            problem("\(name) is signed by \(opened.signer.hexadecimal)")
        } catch {
            switch error {
            case .programMissing, .busy, .timedOut, .system, .engine: throw CommandError(error)
            default: break
            }
            problem("\(name): \(error.description)")
        }
        return nil
    }

    private mutating func read(_ sequence: UInt64) throws(CommandError) {
        let name = CommandLogDocument.fileName(sequence).text
        guard let (content, sum) = try open(name) else { return walk.passUnread() }
        do throws(JSONError) {
            let top = try JSONDocument(content, limit: Bounds.documentSize).top.object()
            if try top.required("sequence").integer(1...999_999_999_999) != Int64(sequence) { problem("\(name) is another file of the log") }
            let named = try top["previous"].map { (value) throws(JSONError) in try value.string() }.flatMap { SHA256Sum(hexadecimal: $0) }
            if walk.pass(sum, naming: named) != nil { problem("\(name) does not go on from the file before it") }
            let entries = try top.required("entries").array()
            for index in 0..<entries.count { if let entry = entries[index] { try Output.standardOutput(line(entry.object())) } }
        } catch {
            problem("\(name) is malformed: \(error.clause)")
            // Its sum counts all the same.
            if walk.expected == sequence { _ = walk.pass(sum, naming: nil) }
        }
    }

    /// `2026-11-21T10:35:20.123Z <controller> <identifier> led=1 completed`
    private func line(_ entry: JSONObject) throws(JSONError) -> [UInt8] {
        var line: [UInt8] = []
        if let end = entry["endTime"] { line += try end.string() } else {
            line.append("boot ")
            line += try entry.required("bootId").string()
            line.append(" +")
            line += try text(entry.required("monotonicSeconds"))
            line.append("s")
        }
        line.append(0x20)
        line += try entry.required("controller").string().dropFirst(4)
        line.append(0x20)
        line += try entry.required("identifier").string()
        line.append(0x20)
        if let object = try entry["object"]?.object() {
            if let property = object["propertyID"] {
                line += try property.string().dropFirst(5 + Fingerprint.digits)
                if let value = object["value"] { line += [0x3D] + (try text(value)) }
            } else {
                // A change of who may command, or of a key: what kind is the second type.
                line += try entry.required("@type").array()[1]?.string() ?? []
                line += [0x3D] + (try object.required("identifier").string())
            }
        } else { line.append("-") }
        if let error = entry["error"] { line += Array<UInt8>(" failed: ") + (try error.string()) } else { line.append(" completed") }
        return printable(line) + [0x0A]
    }

    private func text(_ value: JSONValue) throws(JSONError) -> [UInt8] {
        let number = try value.decimal()
        var octets: [UInt8] = []
        if number.isInteger { octets.append(decimal: number.scaled(0) ?? 0) } else { octets.append(decimal: number.coefficient, decimals: -number.exponent) }
        return octets
    }

    private mutating func problem(_ text: Message) {
        problems += 1
        Output.standardError("maud log: \(text)\n" as Message)
    }
}
