import Content
import HTTP
import OpenPGP
import Streams
import System

/// A file on its way in, and who it is for.
final class Upload {
    let directory: Fingerprint
    let name: [UInt8]
    /// Octets that the content has.
    let count: Int
    let prefersRepresentation: Bool
    /// Whether the connection stays after the answer.
    var keepsAlive: Bool
    let place: AnyObject
    var octets: [UInt8] = []

    init(_ head: RequestHead, directory: Fingerprint, name: [UInt8], count: Int, place: AnyObject) {
        self.directory = directory
        self.name = name
        self.count = count
        self.place = place
        prefersRepresentation = head.prefersRepresentation
        keepsAlive = head.keepsAlive
        octets.reserveCapacity(count)
    }
}

/// PUT of a file into a friend's directory, and challenges (docs/http.md, 2.7).
extension Responder {
    /// Whether a file may be PUT there: into the directory of anybody but the node itself, whether there is one or not.
    func takesFiles(at route: Route) -> Bool {
        guard route.kind == .file, route.fingerprint != server.store.own, server.receiver != nil else { return false }
        return FileName.defect(of: UnsafeRawBufferPointer(rebasing: server.output[0..<route.nameCount])) == nil
    }

    // MARK: Challenges

    /// `/p2p/<own fingerprint>/challenge`: no file can have that name.
    func isChallenge(_ route: Route) -> Bool {
        guard server.receiver != nil, route.fingerprint == server.store.own, route.nameCount == 9 else { return false }
        return UnsafeRawBufferPointer(rebasing: server.output[0..<9]).elementsEqual(Array<UInt8>("challenge"))
    }

    func respondWithChallenge() {
        guard let octets = server.receiver?.challenge() else { return respond(.serviceUnavailable) }
        server.counters.count(.ok)
        var head = beginHead(.ok)
        head.field("Content-Type: application/octet-stream")
        head.contentLength(Int64(octets.count))
        head.field("Cache-Control: no-store")
        head.end()
        if !isHead { octets.withUnsafeBytes { head.write($0) } }
        finish(head, Body())
    }

    // MARK: Receiving

    /// The head of a PUT is there: what can be refused is refused before its content is read.
    func beginUpload(_ head: RequestHead, _ route: Route) {
        guard let receiver = server.receiver else { return respond(.methodNotAllowed) }
        guard let length = head.contentLength else { return respond(.lengthRequired) }
        guard length > 0 else { return respond(.badRequest) }
        guard length <= Int64(Bounds.commandFile) else { return respond(.contentTooLarge) }
        let name = Array(server.output[0..<route.nameCount])
        switch receiver.admit(peer: stream.peerFingerprint) {
        case .busy: respond(.serviceUnavailable)
        case .later(let seconds): respond(.tooManyRequests, retryAfter: seconds)
        case .place(let place):
            upload = Upload(head, directory: route.fingerprint, name: name, count: Int(length), place: place)
            expectContent(saysContinue: head.expectsContinue && head.minorVersion > 0)
        }
    }

    /// All of the content is there.
    func judge(_ upload: Upload) {
        guard let receiver = server.receiver else { return close() }
        let file = upload.octets
        upload.octets = []
        receiver.receive(file, for: upload.directory, name: upload.name, place: upload.place) { [self] result in isJudged(upload, result) }
    }

    func respond(to upload: Upload, _ result: UploadResult) {
        if upload.prefersRepresentation, let octets = result.representation, octets.count <= Bounds.inlineBody {
            respond(result.status, with: octets)
        } else if result.status == .created || result.status == .ok { respond(result.status, with: []) } else {
            respond(result.status, retryAfter: result.retryAfter)
        }
    }

    private func respond(_ status: Status, with representation: [UInt8]) {
        server.counters.count(status)
        var head = beginHead(status)
        if !representation.isEmpty {
            head.field("Content-Type: application/octet-stream")
            head.field("Preference-Applied: return=representation")
            head.field("Cache-Control: no-store")
        }
        head.contentLength(Int64(representation.count))
        head.end()
        guard !head.overflowed else { return close() }
        UnsafeMutableRawBufferPointer(rebasing: server.output[head.count...]).copyBytes(from: representation)
        finish(head, inlineCount: representation.count, Body())
    }
}

/// The content of a PUT over HTTP/1.1.
extension Connection {
    func receiveContent() {
        switch stream.receive(into: server.input) {
        case .octets(let count): takeContent(0, count)
        case .blocked: break
        // Half a file is nobody's.
        case .ended, .failed: close()
        }
    }

    /// Takes content from these octets of the shared buffer. What lies behind it is the next request.
    func takeContent(_ start: Int, _ end: Int) {
        guard let upload else { return close() }
        let taken = min(end - start, upload.count - upload.octets.count)
        upload.octets.append(contentsOf: server.input[start..<start + taken])
        guard upload.octets.count == upload.count else { return }
        keep(start + taken, end)
        stream.wait(for: .nothing)
        enter(.judging)
        judge(upload)
    }
}
