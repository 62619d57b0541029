import Account
import CLinux
import OpenPGP
import System

/// `maud reset`: back to what there was before `maud init`. For who gives a board away.
extension CommandLineInterface {
    static var resetVerb: Verb { Verb(
        name: "reset", summary: "remove the identity, the friends, every file and what the node remembers: factory state",
        options: [
            CommonOptions.root,
            OptionDescription("--state", "DIR", "the node's own state (default: as for maud run)"),
            OptionDescription("--yes", nil, "do not ask"),
        ], arguments: []) { (invocation) throws(CommandError) in
            let root = try invocation.required("--root"), state = try StateDirectory.path(invocation.value("--state"))
            let reset = try Reset(root: root, state: state)
            if !invocation.has("--yes") { try reset.confirm() }
            do throws(SystemError) { try reset.run() } catch { throw CommandError(error.outputExitCode, "cannot remove all; maud reset goes on where it was: \(error.description)") }
        }
    }
}

/// What is removed. The first step takes the account away, so that nothing half removed is ever used; its directory goes last, so that a second
/// run knows what the first one was about.
final class Reset {
    private let root: String
    private let state: String?
    private let rootLock: FileDescriptor
    private let stateLock: FileDescriptor?
    private let mau: MauDirectory

    /// Files in the state directory that a node makes.
    private static var stateFiles: [StaticString] { ["index", "ledger", "sync", "status.socket", ".writable"] }

    /// Finds out what there is, and keeps a node from being started meanwhile.
    init(root: String, state: String) throws(CommandError) {
        self.root = root
        mau = MauDirectory(root)
        let isThere: Bool
        do throws(SystemError) {
            let account = try Files.status(mau.account), begun = try Files.status(mau.interruptedReset)
            isThere = account != nil || begun != nil
            self.state = try Files.status(state) == nil ? nil : state
        } catch { throw CommandError(AccountError.system(error)) }
        guard isThere else { throw CommandError(AccountError.noAccount(path: mau.account)) }
        rootLock = try DirectoryLock.take(root, "the Mau directory")
        stateLock = self.state == nil ? nil : try DirectoryLock.take(state, "the state directory")
    }

    /// Asks at the terminal.
    func confirm() throws(CommandError) {
        do throws(SystemError) {
            let terminal = try FileDescriptor.open("/dev/tty", [.read])
            Output.standardError("This removes from \(root) the identity (nobody ever gets it back without a copy of account.pgp), all friends, all files\n" as Message)
            Output.standardError("of this node and of others, and what the node remembers in \(state ?? "no state directory: --state says where it is"). Type reset to go on: " as Message)
            var line = [UInt8](repeating: 0, count: 64)
            let count = line.withUnsafeMutableBytes { maud_read(terminal.rawValue, $0.baseAddress, $0.count) }
            if line.prefix(max(0, count)).elementsEqual(Array<UInt8>("reset\n")) { return }
        } catch { throw CommandError(.usage, "there is no terminal to ask at; --yes does without") }
        throw CommandError(.noPermission, "nothing was removed")
    }

    func run() throws(SystemError) {
        if try Files.status(mau.keys) != nil {
            // Both: an account that was put there after an interrupted reset. What is left of the older one goes first.
            try Files.removeTree(mau.interruptedReset)
            _ = try check(maud_renameat(Files.currentDirectory, mau.keys, Files.currentDirectory, mau.interruptedReset), "rename", mau.keys)
            try DurableFile.synchronize(root)
        }
        if let state { try clear(state) { name in Reset.stateFiles.contains { name.hasSameOctets(as: $0) } } }
        try clear(root) { name in Reset.isContent(Array(name.utf8)) }
        try Files.removeTree(mau.interruptedReset)
        try DurableFile.synchronize(root)
    }

    /// Somebody's files, followed or not: `<fingerprint>`, `.<fingerprint>`.
    private static func isContent(_ name: [UInt8]) -> Bool { Fingerprint(hexadecimal: name.first == 0x2E ? name[1...] : name[...]) != nil }

    /// Removes what is meant, and what was left unfinished; names what stays.
    private func clear(_ path: String, _ isMeant: (String) -> Bool) throws(SystemError) {
        let directory = try FileDescriptor.open(path, [.read, .directory]), number = directory.rawValue
        try Files.forEachName(inDirectory: number) { (octets) throws(SystemError) in
            let name = String(cString: octets)
            if "\(path)/\(name)".utf8.elementsEqual(mau.interruptedReset.utf8) { return true }
            if isMeant(name) || Array(name.utf8).starts(with: Array<UInt8>(".maud-")) {
                try Files.removeTree(name, in: number)
            } else {
                Output.standardError("maud reset: \(path)/\(printable(name)) is none of the node's, and stays\n" as Message)
            }
            return true
        }
        try DurableFile.synchronize(path)
    }
}
