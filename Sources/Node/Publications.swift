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
    private var remaining: [(name: StaticString, content: [UInt8])]
    /// Files that were published since the start.
    private(set) var published = 0
    private var done: () -> Void = {}

    init(board: Board, fingerprint: Fingerprint, backend: NodeBackend) {
        self.backend = backend
        remaining = [
            ("vocabulary-1.json.pgp", vocabularyDocument()),
            ("device.json.pgp", deviceDocument(board: board, fingerprint: fingerprint, softwareVersion: "\(maudVersion)")),
        ]
    }

    /// Publishes what changed, one after the other, and calls `done`. Failures are logged, and tried again at the next start.
    func publish(done: @escaping () -> Void) {
        self.done = done
        publish()
    }

    private func publish() {
        guard let next = remaining.popLast() else { return done() }
        let name = [UInt8](next.name)
        if let present = backend.publicContent(name), present == next.content { return publish() }
        backend.sign(next.content, for: .everyone) { [unowned(unsafe) self] result in
            switch result {
            case .failure(let failure): failed(next.name, failure)
            case .success(let message):
                backend.store(name, message, replacing: true) { [unowned(unsafe) self] result in
                    if case .failure(let failure) = result { return failed(next.name, failure) }
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
