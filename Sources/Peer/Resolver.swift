import CLinux
import EventLoop
import System

/// Turns host names into addresses. The system's resolver blocks, so it has a thread of its own, made when the first name is asked for.
public final class Resolver {
    private let loop: EventLoop
    private var worker: Worker?

    public init(loop: EventLoop) { self.loop = loop }

    /// Asks for the addresses of a host. `completion` is called once, later: with at most `Bounds.resolvedAddresses` numeric addresses, none
    /// when the name is not known.
    public func resolve(_ address: PeerAddress, completion: @escaping ([PeerAddress]) -> Void) {
        let job = address.host.withUnsafeBytes { maud_resolution_create($0.baseAddress, $0.count, UInt32(Bounds.resolvedAddresses)) }
        guard let job else { return completion([]) }
        do throws(SystemError) {
            if worker == nil { worker = try Worker(loop: loop, capacity: Resolver.capacity) }
            try worker?.submit(maud_resolution_job(job)) {
                var found: [PeerAddress] = []
                for number in 0..<maud_resolution_count(job) {
                    if let one = PeerAddress(host: Message(cString: maud_resolution_address(job, number)).octets, port: address.port) { found.append(one) }
                }
                maud_resolution_free(job)
                completion(found)
            }
        } catch {
            maud_resolution_free(job)
            completion([])
        }
    }

    private static let capacity = 8

    /// Ends the thread, unless it waits for a name: that may take half a minute, and the program ends before.
    public func stop() {
        guard let worker, worker.pending == 0 else { return }
        try? worker.stop()
        self.worker = nil
    }
}
