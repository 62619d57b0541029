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
    let place: AnyObject?
    /// It is the key of somebody who claims the node.
    var claimer: Fingerprint?
    var octets: [UInt8] = []

    init(_ head: RequestHead, directory: Fingerprint, name: [UInt8], count: Int, place: AnyObject?) {
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
        route.nameCount == 9 && isOwn(route, "challenge")
    }

    /// Whether it is a name below the own fingerprint that begins so.
    @inline(never)
    private func isOwn(_ route: Route, _ prefix: StaticString) -> Bool {
        guard server.receiver != nil, route.kind == .file, route.fingerprint == server.store.own else { return false }
        for index in 0..<prefix.utf8CodeUnitCount where server.output[index] != prefix.utf8Start[index] { return false }
        return true
    }

    func respondWithChallenge() {
        guard let octets = server.receiver?.challenge() else { return respond(.serviceUnavailable) }
        respond(withOnce: octets)
    }

    /// Answers with octets that are for this one request.
    private func respond(withOnce octets: [UInt8]) {
        server.counters.count(.ok)
        var head = beginHead(.ok)
        head.field("Content-Type: application/octet-stream")
        head.contentLength(Int64(octets.count))
        head.field("Cache-Control: no-store")
        head.end()
        guard !head.overflowed else { return close() }
        if !isHead { UnsafeMutableRawBufferPointer(rebasing: server.output[head.count...]).copyBytes(from: octets) }
        finish(head, inlineCount: isHead ? 0 : octets.count, Body())
    }

    // MARK: Claims

    /// `/p2p/<own fingerprint>/claim-<128 hexadecimal digits>` (docs/claim.md): no file can have that name.
    func isClaim(_ route: Route) -> Bool {
        route.nameCount == 134 && isOwn(route, "claim-")
    }

    /// GET proves that the node knows the code too, PUT brings the claimer's key. Of a wrong attempt nothing more is read.
    func respondToClaim(_ head: RequestHead, _ route: Route) {
        guard let receiver = server.receiver else { return respond(.notFound) }
        switch receiver.judge(claim: Array(server.output[6..<134]), by: stream.peerFingerprint) {
        case .no(let status): respond(status)
        case .proof(let proof):
            guard head.method == .put else { return respond(withOnce: proof) }
            guard let length = acceptedLength(head, Bounds.commandKey) else { return }
            let upload = Upload(head, directory: route.fingerprint, name: [], count: length, place: nil)
            upload.claimer = stream.peerFingerprint
            self.upload = upload
            expectContent(saysContinue: head.expectsContinue && head.minorVersion > 0)
        }
    }

    // MARK: Receiving

    /// The head of a PUT is there: what can be refused is refused before its content is read.
    func beginUpload(_ head: RequestHead, _ route: Route) {
        guard let receiver = server.receiver else { return respond(.methodNotAllowed) }
        guard let length = acceptedLength(head, Bounds.commandFile) else { return }
        let name = Array(server.output[0..<route.nameCount])
        switch receiver.admit(peer: stream.peerFingerprint) {
        case .busy: respond(.serviceUnavailable)
        case .later(let seconds): respond(.tooManyRequests, retryAfter: seconds)
        case .place(let place):
            upload = Upload(head, directory: route.fingerprint, name: name, count: length, place: place)
            expectContent(saysContinue: head.expectsContinue && head.minorVersion > 0)
        }
    }

    /// How many octets come; nil when that was answered already.
    private func acceptedLength(_ head: RequestHead, _ limit: Int) -> Int? {
        let status: Status
        if let length = head.contentLength {
            if length > 0, length <= Int64(limit) { return Int(length) }
            status = length > 0 ? .contentTooLarge : .badRequest
        } else { status = .lengthRequired }
        respond(status)
        return nil
    }

    /// All of the content is there.
    func judge(_ upload: Upload) {
        guard let receiver = server.receiver else { return close() }
        let file = upload.octets
        upload.octets = []
        if let claimer = upload.claimer { return receiver.receive(key: file, of: claimer) { [self] result in isJudged(upload, result) } }
        guard let place = upload.place else { return close() }
        receiver.receive(file, for: upload.directory, name: upload.name, place: place) { [self] result in isJudged(upload, result) }
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
