import CLinux
import System

/// The directory of what is the node's own and not the convention's: index cache and status socket.
/// All of it can be lost without losing anything published.
enum StateDirectory {
    /// Where state lies: `--state`, else $STATE_DIRECTORY (systemd), else $XDG_STATE_HOME/maud, else ~/.local/state/maud.
    static func path(_ given: String?) throws(CommandError) -> String {
        if let given { return given }
        if let directory = environment("STATE_DIRECTORY") { return directory }
        if let directory = environment("XDG_STATE_HOME") { return directory + "/maud" }
        if let home = environment("HOME") { return home + "/.local/state/maud" }
        throw CommandError(.usage, "--state is missing, and none of $STATE_DIRECTORY, $XDG_STATE_HOME and $HOME says where state belongs")
    }

    /// Creates it (0700, parents too) and checks that it can be written.
    static func create(_ path: String) throws(CommandError) {
        do throws(SystemError) {
            try makeParents(of: path)
            try Files.makeDirectory(path)
            let directory = try FileDescriptor.open(path, [.read, .directory])
            let probe: StaticString = ".writable"
            try Files.write([], to: "\(probe)", in: directory.rawValue)
            try Files.remove("\(probe)", in: directory.rawValue)
        } catch { throw CommandError("cannot use the state directory \(path)", error) }
    }

    private static func makeParents(of path: String) throws(SystemError) {
        let octets = Array(path.utf8)
        for index in octets.indices where index > 0 && octets[index] == 0x2F && octets[index - 1] != 0x2F {
            let parent = octets[..<index]
            if try Files.status(Array(parent).text) == nil { try Files.makeDirectory(Array(parent).text) }
        }
    }

    /// A variable of the environment that is set and not empty.
    static func environment(_ name: String) -> String? {
        guard let value = maud_environment(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
