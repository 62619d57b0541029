import JSON
import Node
import OpenPGP
import Readings
import System
import Vocabulary

/// A chain of a device that was verified.
package struct VerifiedChain {
    package let device: KnownDevice
    /// A chain's label, or `log` for the log of commands.
    package let name: String
    package let verification: ChainVerification
}

extension Desk {
    /// Verifies every chain of a device that is here, each file with gpg: its readings, and the log of its commands.
    package func verifyChains(_ device: KnownDevice) throws(CommandError) -> [VerifiedChain] {
        let names = try names(of: device.fingerprint)
        let progress = Progress("verifying")
        defer { progress.clear() }
        var count = 0, chains: [VerifiedChain] = []
        for (chain, sequences) in BatchNames(names).chains {
            var links: [ChainLink] = [], isPublic = true
            for sequence in sequences {
                let (link, isPublicBatch) = try batchLink(device.fingerprint, chain, sequence)
                links.append(link)
                isPublic = isPublic && isPublicBatch
                count += 1
                progress.show(count)
            }
            let checkpoint = try checkpoint(device.fingerprint, "checkpoint-\(chain).json.pgp")
            chains.append(VerifiedChain(device: device, name: chain, verification: ChainVerification(links, checkpoint: checkpoint, isPublic: isPublic)))
        }
        let log = names.compactMap { CommandLogDocument.sequence(ofName: Array($0.utf8)) }.sorted()
        if !log.isEmpty {
            var links: [ChainLink] = []
            for sequence in log { links.append(try logLink(device.fingerprint, sequence)) }
            let checkpoint = try checkpoint(device.fingerprint, LogCheckpointDocument.fileName.text)
            chains.append(VerifiedChain(device: device, name: "log", verification: ChainVerification(links, checkpoint: checkpoint, isPublic: false)))
        }
        return chains
    }

    private func batchLink(_ device: Fingerprint, _ chain: String, _ sequence: UInt64) throws(CommandError) -> (ChainLink, isPublic: Bool) {
        let name = BatchNames.fileName(chain, sequence)
        let batch = try open(device, name).flatMap { file in
            file.document { (top) throws(JSONError) in (try ReadingBatch(top, file: file), file.sum) }
        }
        switch batch {
        case .failure(let problem): return (ChainLink(sequence: sequence, state: .bad(problem.reason)), true)
        case .success((let batch, let sum)):
            guard batch.chain == chain, batch.sequence == sequence else { return (ChainLink(sequence: sequence, state: .bad("it says of itself to be another batch")), batch.isPublic) }
            return (ChainLink(sequence: sequence, state: .good(sum: sum, previous: batch.previous)), batch.isPublic)
        }
    }

    private func logLink(_ device: Fingerprint, _ sequence: UInt64) throws(CommandError) -> ChainLink {
        let name = CommandLogDocument.fileName(sequence).text
        let log = try open(device, name).flatMap { file in file.document { (top) throws(JSONError) in (try CommandLog(top, file: file), file.sum) } }
        switch log {
        case .failure(let problem): return ChainLink(sequence: sequence, state: .bad(problem.reason))
        case .success((let log, let sum)):
            guard log.sequence == sequence else { return ChainLink(sequence: sequence, state: .bad("it says of itself to be another file of the log")) }
            return ChainLink(sequence: sequence, state: .good(sum: sum, previous: log.previous))
        }
    }

    /// What the device says it removed; nil without a checkpoint. One that is not believed explains nothing, which is told.
    private func checkpoint(_ device: Fingerprint, _ name: String) throws(CommandError) -> ChainCheckpoint? {
        guard (try? Files.status(directory(of: device) + "/" + name)) != nil else { return nil }
        let checkpoint = try open(device, name).flatMap { file in
            file.document { (top) throws(JSONError) -> ChainCheckpoint? in
                try top.demand("@id", device, file: name)
                guard let sum = try top.sum("removedThroughSha256") else { return nil }
                return ChainCheckpoint(removedThrough: try top.sequence("removedThrough"), sum: sum)
            }
        }
        switch checkpoint {
        case .success(let checkpoint): return checkpoint
        case .failure(let problem):
            Desk.note("\(name) counts as none: \(problem.reason)")
            return nil
        }
    }
}

/// A part of the log of commands (docs/vocabulary.md, part 7).
package struct CommandLog {
    package let sequence: UInt64
    package let previous: SHA256Sum?
    package let entries: [CommandAnswer]

    init(_ top: JSONObject, file: VerifiedFile) throws(JSONError) {
        try top.demand("@id", file.owner, file: file.name)
        sequence = try top.sequence("sequence")
        previous = try top.sum("previous")
        var entries: [CommandAnswer] = []
        for one in try top.objects("entries") { entries.append(try CommandAnswer(one, device: file.owner)) }
        self.entries = entries
    }
}
