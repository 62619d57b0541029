import CLinux
import Content
import GnuPG
import HTTP
import OpenPGP
import Peer
import System

/// One file on its way from a friend into its directory: asked for, received, compared with the listing, verified, stored.
final class FileTransfer: ResponseConsumer {
    /// What became of it.
    enum Outcome {
        case stored(Entry)
        case refused(Refusal)
        /// The friend has it no longer, or not for us.
        case vanished
        /// Not now.
        case postponed(Message)
        /// Another program is receiving it into the same directory.
        case elsewhere
        /// The connection broke; what has arrived is kept. Before an answer came it may have been an old connection that the server had given up.
        case broken(PeerError, hadAnswer: Bool)
    }

    let name: FileName
    let size: Int64
    let sum: SHA256Sum
    private let pass: SyncPass
    private let syncer: Syncer
    private let directory: Directory
    private var download: Download?
    /// What to do with the content of the response that is arriving.
    private enum Reception { case none, file, restarting, skipped(Outcome) }
    private var reception = Reception.none
    private var skipped = 0
    /// Whether what an earlier attempt left was made part of it; if the sum is wrong then, that may be the reason.
    private var isResumed = false
    private var wasRestarted = false
    /// Octets that an earlier attempt had brought.
    private var before: Int64 = 0
    private var refusal: Refusal?
    private var isAbandoned = false

    init?(_ name: FileName, size: Int64, sum: SHA256Sum, pass: SyncPass) {
        guard let directory = pass.directory else { return nil }
        self.name = name
        self.size = size
        self.sum = sum
        self.pass = pass
        self.directory = directory
        syncer = pass.syncer
    }

    /// Nobody waits for it any more; what the worker or gpg still does ends by itself.
    func abandon() {
        isAbandoned = true
        // What has arrived is written, for the next time.
        download?.hasRoom = nil
        if case .file = reception { download?.flush { _ in } }
    }

    private func settle(_ outcome: Outcome) {
        download?.hasRoom = nil
        guard !isAbandoned else { return }
        guard let download else { return pass.settled(self, outcome) }
        self.download = nil
        switch outcome {
        case .refused, .vanished: download.remove { [self] in pass.settled(self, outcome) }
        case .stored, .elsewhere: pass.settled(self, outcome)
        case .postponed, .broken:
            // What is of no use any more when the visit is repeated goes then.
            pass.friend.isClean = false
            pass.settled(self, outcome)
        }
    }

    // MARK: Asking

    func start() {
        if !name.keepsVersions, name.octets.withUnsafeBytes({ directory.isTaken($0) }) { return settle(.refused(.nameTooLong)) }
        guard let download = Download(directory, size: size, sum: sum, store: syncer.store) else { return settle(.postponed("there is no memory")) }
        self.download = download
        download.hasRoom = { [self] in hasRoom() }
        download.begin(clean: pass.takeCleaning()) { [self] error in
            guard !isAbandoned else { return }
            if let error { return settle(error.code == ErrorNumber.again ? .elsewhere : .postponed(error.description)) }
            before = download.offset
            isResumed = before > 0
            if isResumed { pass.noteResumed() }
            if download.offset == size { complete() } else { ask() }
        }
    }

    private func ask() {
        var target = Array<UInt8>("/p2p/") + pass.friend.fingerprint.hexadecimal + [0x2F]
        for octet in name.octets { FileTransfer.appendEncoded(octet, to: &target) }
        var fields: [UInt8] = []
        if let offset = download?.offset, offset > 0 {
            fields = Array("Range: bytes=")
            fields.append(decimal: offset)
            fields.append("-\r\n")
        }
        pass.get(target, fields: fields, self)
    }

    /// Percent-encodes what is not unreserved (RFC 3986, section 2.3).
    private static func appendEncoded(_ octet: UInt8, to target: inout [UInt8]) {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: target.append(octet)
        default:
            target.append(0x25)
            for digit in [octet >> 4, octet & 15] { target.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
        }
    }

    // MARK: The response

    var room: Int {
        switch reception {
        case .file: download?.room ?? 0
        case .restarting: 0
        case .none, .skipped: .max
        }
    }

    private func hasRoom() {
        guard case .file = reception, !isAbandoned else { return }
        pass.resume()
    }

    func responseBegins(_ head: ResponseHead) -> Bool {
        guard let download else { return false }
        switch head.status {
        case 200: return begin(head, at: 0, download)
        case 206:
            guard let range = head.range, range.first == download.offset, range.size == size, range.last == size - 1 else { return restart() }
            return begin(head, at: download.offset, download)
        case 416: return restart()
        case 401, 403, 404, 410: reception = .skipped(.vanished)
        default: reception = .skipped(.postponed("the peer answered with status \(head.status)"))
        }
        return true
    }

    private func begin(_ head: ResponseHead, at offset: Int64, _ download: Download) -> Bool {
        if case .octets(let count) = head.content, count != size - offset {
            refusal = .size
            return false
        }
        if offset == download.offset {
            reception = .file
            return true
        }
        // All of it comes, though only the rest was asked for.
        reception = .restarting
        isResumed = false
        download.restart { [self] error in
            guard !isAbandoned else { return }
            reception = error.map { .skipped(.postponed($0.description)) } ?? .file
            pass.resume()
        }
        return true
    }

    /// The part that was asked for is not to be had: the whole file is asked for, once, over a new connection.
    private func restart() -> Bool {
        if download?.offset == 0 { refusal = .size }
        wasRestarted = true
        return false
    }

    func responseContinues(_ octets: UnsafeRawBufferPointer) -> Bool {
        switch reception {
        case .skipped:
            skipped += octets.count
            return skipped <= 64 << 10
        case .file:
            guard let download else { return false }
            if Int64(octets.count) > size - download.offset {
                refusal = .size
                return false
            }
            return download.append(octets)
        case .none, .restarting: return false
        }
    }

    func responseEnds(_ error: PeerError?) {
        guard !isAbandoned, let download else { return }
        pass.noteResponseIfAny(error)
        if let refusal { return settle(.refused(refusal)) }
        if case .skipped(let outcome) = reception { return settle(outcome) }
        if wasRestarted, case .none = reception, error != nil { return startAgain(download) }
        if let error { return keep(download, error) }
        if download.offset < size { return settle(.refused(.size)) }
        complete()
    }

    private func startAgain(_ download: Download) {
        download.restart { [self] failure in
            guard !isAbandoned else { return }
            settle(failure.map { .postponed($0.description) } ?? .broken(.connection, hadAnswer: false))
        }
    }

    /// The rest comes over another connection. A disk that takes no more is no fault of the peer's.
    private func keep(_ download: Download, _ error: PeerError) {
        if download.offset > before { pass.hasProgress = true }
        let hadAnswer = if case .none = reception { false } else { true }
        download.flush { [self] failure in
            guard !isAbandoned else { return }
            settle(failure.map { .postponed($0.description) } ?? .broken(error, hadAnswer: hadAnswer))
        }
    }

    // MARK: Everything is there

    private func complete() {
        reception = .none
        guard let download else { return }
        download.hasRoom = nil
        download.finish { [self] error in
            guard !isAbandoned else { return }
            guard let error else {
                pass.arrived(self)
                return verify(download)
            }
            guard error.code == ErrorNumber.badMessage else { return settle(.postponed(error.description)) }
            // What an earlier attempt had left may be to blame: once more from the start.
            if isResumed {
                self.download = nil
                return start()
            }
            settle(.refused(.sum))
        }
    }

    private func verify(_ download: Download) {
        let limit = Int(min(Int64(Bounds.fileSize), size * Int64(Bounds.inflation)))
        let count = min(Int(size), Classification.headLimit)
        withUnsafeTemporaryAllocation(byteCount: max(count, 1), alignment: 1) { buffer in
            let read = maud_pread(download.descriptor, buffer.baseAddress, count, 0)
            guard read == count else { return settle(.postponed("it cannot be read again")) }
            let head = UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]))
            let classification = Classification.classify(head, size: Int(size)) ?? .other
            syncer.verifier.verify(file: download.descriptor, count: Int(size), head: head, limit: limit) { [self] result in
                withExtendedLifetime(download) { verified(result, classification) }
            }
        }
    }

    private func verified(_ result: Result<VerifiedMessage, GnuPGError>, _ classification: Classification) {
        guard !isAbandoned, let download else { return }
        switch result {
        case .failure(let error):
            if let refusal = Refusal(error) { settle(.refused(refusal)) } else { settle(.postponed(error.description)) }
        case .success(let message) where message.signer != pass.friend.fingerprint: settle(.refused(.otherSigner))
        case .success:
            syncer.store.install(download, as: name, classification) { [self] result in
                switch result {
                case .success(let entry): settle(.stored(entry))
                case .failure(let error): settle(.postponed(error.description))
                }
            }
        }
    }
}
