import CLinux
import Content
import HTTP
import System

/// A file's present content, and its versions.
extension Responder {
    func respond(withFileIn directory: Directory, _ route: Route, _ head: RequestHead, _ octets: UnsafeRawBufferPointer) {
        let name = UnsafeRawBufferPointer(rebasing: server.output[0..<route.nameCount])
        // Looked up whether there is a file or not: the time that it takes must not tell.
        let viewer = server.viewer(of: stream)
        let entry: Entry?
        switch route.kind {
        case .version(let sum): entry = directory.version(of: name, sum: sum)
        default: entry = directory.entry(name)
        }
        guard let entry, viewer.sees(entry) else { return respond(directory.isSettled ? .notFound : .serviceUnavailable) }
        let file = Representation(size: entry.size, modified: modified(entry), sum: entry.sum, isImmutable: route.kind != .file, isPublic: entry.isPublic)
        guard let answer = conditions(head, octets, file) else { return }
        // It was changed or removed a moment ago; the store looks at it again.
        guard let descriptor = directory.openFile(entry) else { return respond(.serviceUnavailable) }
        respond(with: file, answer, descriptor)
    }

    /// Never later than the response itself (RFC 9110, section 8.8.2.1).
    private func modified(_ entry: Entry) -> HTTPDate {
        let time = HTTPDate(nanoseconds: entry.modificationTime)
        if let now = server.currentDate, now.seconds < time.seconds { return now }
        return time
    }

    /// Evaluates the conditional fields and the range (RFC 9110, section 13.2.2); nil when they were answered.
    private func conditions(_ head: RequestHead, _ octets: UnsafeRawBufferPointer, _ file: Representation) -> Representation.Answer? {
        let answer = file.answer(to: head, octets, now: server.nearestDate)
        switch answer {
        case .whole, .part: return answer
        case .preconditionFailed: respond(.preconditionFailed)
        case .notModified, .unsatisfiable:
            let status: Status = answer == .notModified ? .notModified : .rangeNotSatisfiable
            server.counters.count(status)
            var response = beginHead(status)
            if answer == .unsatisfiable {
                response.contentRange(nil, size: file.size)
                response.contentLength(0)
            } else { file.writeValidators(&response) }
            response.end()
            finish(response, Body())
        }
        return nil
    }

    /// Sends an open file: a small one behind its head in one piece, a larger one by sendfile.
    private func respond(with file: Representation, _ answer: Representation.Answer, _ descriptor: consuming FileDescriptor) {
        var offset: Int64 = 0, count = file.size
        if case .part(let start, let length) = answer {
            offset = start
            count = length
        }
        var head = beginHead(answer == .whole ? .ok : .partialContent)
        head.field("Content-Type: application/octet-stream")
        head.field("Accept-Ranges: bytes")
        head.contentLength(count)
        if answer != .whole { head.contentRange((offset, count), size: file.size) }
        file.writeValidators(&head)
        head.end()
        var body = Body(), inlineCount = 0
        if isHead { count = 0 }
        if count > 0, count <= Int64(inlineBody) {
            inlineCount = Int(count)
            let memory = UnsafeMutableRawBufferPointer(rebasing: server.output[head.count..<head.count + inlineCount])
            // The file was changed in place, which nobody who follows the convention does.
            guard maud_pread(descriptor.rawValue, memory.baseAddress, inlineCount, offset) == inlineCount else { return respond(.serviceUnavailable) }
        } else if count > 0 { body = Body(file: OpenFile(descriptor), offset: offset, count: count) }
        server.counters.count(answer == .whole ? .ok : .partialContent)
        finish(head, inlineCount: inlineCount, body)
    }
}
