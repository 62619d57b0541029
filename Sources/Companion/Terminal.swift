import CLinux
import Glibc
import System

/// What standard output and standard error are.
package enum Terminal {
    package static var isOutput: Bool { isatty(1) == 1 }
    /// Standard output is a pipe that nobody reads from any more.
    package static var isOutputClosed: Bool {
        var output = pollfd(fd: 1, events: 0, revents: 0)
        return poll(&output, 1, 0) == 1 && Int32(output.revents) & Int32(POLLERR) != 0
    }

    static var isError: Bool { isatty(2) == 1 }

    /// Columns of the terminal, 80 when it does not say.
    package static var columns: Int { size.columns }
    package static var rows: Int { size.rows }

    private static var size: (columns: Int, rows: Int) {
        var window = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else { return (80, 24) }
        return (Int(window.ws_col), Int(window.ws_row))
    }
}

/// What is being done, or a count, on standard error while something takes long; nothing where no person looks.
final class Progress {
    private let doing: String
    private var isShown = false
    private var last: Int64 = 0

    init(_ doing: String) { self.doing = doing }

    func show(_ count: Int) {
        let now = maud_since_boot()
        // Not before a person would begin to wonder, and not oftener than anybody can read.
        if last == 0 { last = now }
        guard Terminal.isError, now - last > nanosecondsPerSecond / 2 else { return }
        last = now
        isShown = true
        Output.standardError("\r\u{1B}[K\(doing): \(count) files" as Message)
    }

    /// Says at once what is being done.
    func show() {
        guard Terminal.isError else { return }
        isShown = true
        Output.standardError("\r\u{1B}[K\(doing)..." as Message)
    }

    func clear() {
        if isShown { Output.standardError("\r\u{1B}[K" as Message) }
        isShown = false
    }
}
