import Account
import Board
import GnuPG
import OpenPGP
import Readings
import System
import Vocabulary

/// Publishes who may command, for those who may, whenever that has changed. A node that never had a controller publishes nothing.
final class ControllerList {
    private unowned(unsafe) let backend: NodeBackend
    private let device: Fingerprint
    /// What the file says, once that is known.
    private var published: [UInt8]?
    private var isUnderWay = false
    private var isWanted = false

    init(backend: NodeBackend, device: Fingerprint) {
        self.backend = backend
        self.device = device
    }

    /// Publishes the list as it is now. What failed is tried again when the friends are read the next time.
    func publish() {
        isWanted = true
        if !isUnderWay { advance() }
    }

    private func advance() {
        isWanted = false
        let members = backend.friends.members(of: .controllers).map { $0.fingerprint }
        let document = ControllerListDocument.octets(fingerprint: device, controllers: members), name = ControllerListDocument.fileName
        if document == published { return }
        guard let entry = backend.entry(name) else {
            if !members.isEmpty { write(document) }
            return
        }
        guard published == nil, let message = backend.read(entry) else { return write(document) }
        isUnderWay = true
        backend.gnuPG.open(message, limit: Bounds.documentSize) { [unowned(unsafe) self] result in
            isUnderWay = false
            // What cannot be read is written anew.
            published = []
            if case .success(let opened) = result, opened.signer == device { published = opened.content }
            advance()
        }
    }

    private func write(_ document: [UInt8]) {
        isUnderWay = true
        backend.sign(document, for: .group("controllers")) { [unowned(unsafe) self] result in
            guard case .success(let message) = result else { return finish(nil) }
            backend.store(ControllerListDocument.fileName, message, replacing: true) { [unowned(unsafe) self] result in
                if case .success = result { finish(document) } else { finish(nil) }
            }
        }
    }

    private func finish(_ document: [UInt8]?) {
        isUnderWay = false
        if let document { published = document } else { Log("controllers-not-published").write() }
        if isWanted { advance() }
    }
}
