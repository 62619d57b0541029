import CLinux
import System

/// Why there is no passphrase.
public enum PassphraseError: Error {
    case empty
    /// More than `Bounds.passphraseLength` octets.
    case tooLong
    /// A line end or NUL inside: gpg takes a passphrase as one line.
    case severalLines
    /// The two that were typed differ.
    case different
    /// No file was named and there is no terminal to ask at.
    case noSource
    /// The file cannot be read.
    case unreadable(SystemError)

    public var description: Message {
        switch self {
        case .empty: "the passphrase is empty"
        case .tooLong: "the passphrase is longer than \(Bounds.passphraseLength) octets"
        case .severalLines: "the passphrase has more than one line, or a NUL"
        case .different: "the two passphrases differ"
        case .noSource: "there is no passphrase: give --passphrase-file FILE or a systemd credential named passphrase, or run in a terminal"
        case .unreadable(let error): "cannot read the passphrase: \(error.description)"
        }
    }

    public var exitCode: ExitCode {
        switch self {
        case .noSource: .usage
        case .unreadable(let error): error.exitCode
        case .different, .empty, .tooLong, .severalLines: .dataError
        }
    }
}

/// Where a passphrase comes from: never an argument, never the environment, and straight into locked memory.
public enum PassphraseSource {
    /// The first line of a file; one line end at its end is not part of it.
    case file(String)
    /// Typed at the terminal without echo; twice when it is a new one.
    case terminal(prompt: String, isNew: Bool)

    /// What `--passphrase-file` names; else the systemd credential `passphrase`; else the terminal.
    public static func choose(file: String?, prompt: String = "Passphrase of the account: ", isNew: Bool = false) -> PassphraseSource {
        if let file { return .file(file) }
        if let directory = maud_environment("CREDENTIALS_DIRECTORY") {
            let path = "\(String(cString: directory))/passphrase"
            if let status = try? Files.status(path), status.kind == UInt32(MAUD_FILE_REGULAR) { return .file(path) }
        }
        return .terminal(prompt: prompt, isNew: isNew)
    }

    /// Reads it.
    public func read() throws(PassphraseError) -> LockedMemory {
        let memory: LockedMemory
        do throws(SystemError) {
            // Room for the line end, and for one more octet that shows that it is too long.
            memory = try LockedMemory(capacity: Bounds.passphraseLength + 2)
        } catch { throw .unreadable(error) }
        switch self {
        case .file(let path): try PassphraseSource.read(path, into: memory)
        case .terminal(let prompt, let isNew): try PassphraseSource.ask(prompt, isNew, into: memory)
        }
        if memory.count == 0 { throw .empty }
        if memory.count > Bounds.passphraseLength { throw .tooLong }
        if memory.withBytes({ $0.contains { $0 == 0x0A || $0 == 0x00 } }) { throw .severalLines }
        return memory
    }

    private static func read(_ path: String, into memory: LockedMemory) throws(PassphraseError) {
        do throws(SystemError) { _ = try memory.fill(from: path) } catch { throw .unreadable(error) }
        if memory.withBytes({ $0.last == 0x0A }) { memory.count -= 1 }
    }

    private static func ask(_ prompt: String, _ isNew: Bool, into memory: LockedMemory) throws(PassphraseError) {
        try askOnce(prompt, into: memory)
        guard isNew else { return }
        let again: LockedMemory
        do throws(SystemError) { again = try LockedMemory(capacity: memory.capacity) } catch { throw .unreadable(error) }
        try askOnce("Once more: ", into: again)
        if again.withBytes({ typed in memory.withBytes { !$0.elementsEqual(typed) } }) { throw .different }
    }

    private static func askOnce(_ prompt: String, into memory: LockedMemory) throws(PassphraseError) {
        let count = maud_read_passphrase(prompt, memory.storage.baseAddress, memory.capacity)
        if count == -Int(ErrorNumber.messageSize) { throw .tooLong }
        if count < 0 { throw .noSource }
        memory.count = count
    }
}
