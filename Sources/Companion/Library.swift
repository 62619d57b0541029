import Account
import Content
import GnuPG
import Node
import OpenPGP
import System

/// A content file whose signature is good and the owner's own.
package struct VerifiedFile {
    package let owner: Fingerprint
    package let name: String
    package let content: [UInt8]
    /// Of the file as it lies on the disk.
    package let sum: SHA256Sum
    /// The signature's time, in nanoseconds since 1970.
    package let time: Int64
    package let wasEncrypted: Bool
}

/// Why a file is not believed.
package struct FileProblem: Error {
    package let reason: Message
    /// It is encrypted, and not to this account.
    package let isForOthers: Bool

    package init(_ reason: Message, isForOthers: Bool = false) {
        self.reason = reason
        self.isForOthers = isForOthers
    }
}

/// The files in the Mau directory: names, and contents that are verified whenever they are read.
extension Desk {
    /// The directory of a user's files; where the user was followed once and is not now, that one.
    func directory(of owner: Fingerprint) -> String {
        let mau = MauDirectory(place.root), followed = mau.content(of: owner)
        return (try? Files.status(followed)) != nil ? followed : mau.unfollowedContent(of: owner)
    }

    /// The names of all content files of a user, in the order of their octets.
    package func names(of owner: Fingerprint) throws(CommandError) -> [String] {
        let path = directory(of: owner)
        var names: [String] = []
        do throws(SystemError) {
            guard try Files.status(path) != nil else { return [] }
            let open = try FileDescriptor.open(path, [.read, .directory])
            try Files.forEachName(inDirectory: open.rawValue) { (name) throws(SystemError) in
                let text = String(cString: name)
                if (try? FileName(text)) != nil { names.append(text) }
                return true
            }
        } catch { throw CommandError("cannot read \(path)", error) }
        return names.sorted()
    }

    /// Opens one file of a user: decrypted, and signed by that user.
    package func open(_ owner: Fingerprint, _ name: String) throws(CommandError) -> Result<VerifiedFile, FileProblem> {
        let message: [UInt8]
        do throws(SystemError) { message = try Files.read(directory(of: owner) + "/" + name, limit: Bounds.fileSize) } catch {
            if error.code == ErrorNumber.notFound { return .failure(FileProblem("it is not here")) }
            throw CommandError("cannot read \(name)", error)
        }
        return try open(message, of: owner, name)
    }

    /// The same for a message that is in memory.
    func open(_ message: [UInt8], of owner: Fingerprint?, _ name: String) throws(CommandError) -> Result<VerifiedFile, FileProblem> {
        let gnuPG = session.gnuPG
        do throws(GnuPGError) {
            let opened = try gnuPG.wait { gnuPG.open(message, completion: $0) }
            if let owner, opened.signer != owner { return .failure(FileProblem("it is signed by \(opened.signer.hexadecimal)")) }
            return .success(VerifiedFile(owner: opened.signer, name: name, content: opened.content, sum: SHA256Sum(of: message), time: opened.time,
                                         wasEncrypted: opened.wasEncrypted))
        } catch {
            switch error {
            case .notForUs: return .failure(FileProblem(error.description, isForOthers: true))
            case .programMissing, .busy, .timedOut, .system, .engine: throw CommandError(error)
            default: return .failure(FileProblem(error.description))
            }
        }
    }
}
