import Board
import Content
import OpenPGP
import Readings
import System
import Vocabulary

/// The files that say what the node is: the device document and the vocabulary, public and signed.
///
/// Each is published only when what is there says something else, so that a restart writes and signs nothing.
final class Publications {
    private unowned(unsafe) let backend: NodeBackend
    /// Until their turn comes. The vocabulary is made then: inflated it is 26 KB.
    private var device: [UInt8]?
    private var isVocabularyLeft = true
    /// Files that were published since the start.
    private(set) var published = 0
    private var done: () -> Void = {}

    init(board: Board, fingerprint: Fingerprint, backend: NodeBackend) {
        self.backend = backend
        device = deviceDocument(board: board, fingerprint: fingerprint, softwareVersion: "\(maudVersion)")
    }

    /// Publishes what changed, one after the other, and calls `done`. Failures are logged, and tried again at the next start.
    func publish(done: @escaping () -> Void) {
        self.done = done
        publish()
    }

    private func next() -> (name: StaticString, content: [UInt8])? {
        if let device {
            self.device = nil
            return ("device.json.pgp", device)
        }
        // A damaged program has no vocabulary: what was published before stays.
        guard isVocabularyLeft, let vocabulary = try? vocabularyDocument() else { return nil }
        isVocabularyLeft = false
        return ("vocabulary-1.json.pgp", vocabulary)
    }

    private func publish() {
        // No text is kept beyond its turn: when all is done, the heap is trimmed.
        while let next = next() {
            let name = [UInt8](next.name)
            if let present = backend.publicContent(name), present == next.content { continue }
            return publish(next.name, name, next.content)
        }
        done()
    }

    private func publish(_ file: StaticString, _ name: [UInt8], _ content: [UInt8]) {
        backend.sign(content, for: .everyone) { [unowned(unsafe) self] result in
            switch result {
            case .failure(let failure): failed(file, failure)
            case .success(let message):
                backend.store(name, message, replacing: true) { [unowned(unsafe) self] result in
                    if case .failure(let failure) = result { return failed(file, failure) }
                    published += 1
                    publish()
                }
            }
        }
    }

    private func failed(_ name: StaticString, _ failure: PublishingFailure) {
        var log = Log("publishing-failed")
        log.field("file", "\(name)")
        log.field("reason", failure.description)
        log.write()
        publish()
    }
}
