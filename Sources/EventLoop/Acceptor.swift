import System

/// Takes whoever waits at a listening descriptor. The corresponding C function is `accept4`.
///
/// Without descriptors or memory left for one more it looks away for `Bounds.acceptPauseSeconds`, so that the loop does not spin on somebody it
/// cannot take; who comes meanwhile waits in the kernel.
public final class Acceptor {
    /// What became of one attempt to accept.
    public enum Attempt: Sendable {
        /// Somebody was taken, or was gone before that.
        case next
        case nobody
        /// There is no room for one more in this process, or in this system.
        case noRoom

        /// What a negative result of accepting means.
        public init(failing result: Int32) {
            switch -result {
            case ErrorNumber.again: self = .nobody
            case ErrorNumber.processFiles, ErrorNumber.systemFiles, ErrorNumber.noMemory: self = .noRoom
            default: self = .next
            }
        }
    }

    /// In one turn, so that a flood of them does not keep the loop.
    static let most = 16

    private let listener: Int32
    private let loop: EventLoop
    private let accept: () -> Attempt
    private var resume: Timer?
    private var isOpen = true

    /// Begins. The descriptor stays the caller's, who keeps this and calls `close` first; `accept` may do that too.
    public init(_ listener: Int32, loop: EventLoop, accept: @escaping () -> Attempt) throws(SystemError) {
        self.listener = listener
        self.loop = loop
        self.accept = accept
        try loop.add(listener, .read) { [unowned(unsafe) self] _ in take() }
    }

    /// Accepts no more.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        if let resume { loop.cancel(resume) }
        loop.remove(listener)
    }

    private func take() {
        for _ in 0..<Acceptor.most where isOpen {
            switch accept() {
            case .next: continue
            case .nobody: return
            case .noRoom: return pause()
            }
        }
    }

    private func pause() {
        guard isOpen else { return }
        try? loop.modify(listener, [])
        let timer = resume ?? Timer { [unowned(unsafe) self] in try? loop.modify(listener, .read) }
        resume = timer
        loop.schedule(timer, after: Int64(Bounds.acceptPauseSeconds) * nanosecondsPerSecond)
    }
}
