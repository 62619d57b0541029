import CLinux
import GnuPG
import OpenPGP
import System

/// The steps that making, unlocking and changing an account share.
extension Account {
    /// Runs `body` in a child process and returns what it reports.
    static func inChild(_ body: () throws(AccountError) -> Report) throws(AccountError) -> Report {
        let octets: [UInt8]
        do throws(SystemError) {
            octets = try ChildProcess.run(limit: 64 << 10) { Report.of(body) }
        } catch { throw .system(error) }
        let report = Report(octets)
        if case .failure(let error) = report { throw error }
        return report
    }

    /// Makes a key in a child process by `body`, and an account file of it.
    static func make(_ mau: MauDirectory, _ passphrase: PassphraseSource, _ directory: WorkingDirectory, _ clock: NodeClock,
                     _ body: (SecretWorkshop, LockedMemory) throws(AccountError) -> KeyDescription) throws(AccountError) -> UnlockedAccount {
        do throws(SystemError) {
            if try Files.status(mau.account) != nil { throw SystemError(code: ErrorNumber.exists, call: "stat") }
            if try Files.status(mau.interruptedReset) != nil { throw SystemError(code: ErrorNumber.interrupted, call: "stat") }
        } catch {
            if error.code == ErrorNumber.interrupted { throw .resetInterrupted }
            throw error.code == ErrorNumber.exists ? .accountExists(path: mau.account) : .system(error)
        }
        return try inChild { () throws(AccountError) -> Report in
            let secret = try readPassphrase(passphrase)
            let workshop = try SecretWorkshop(directory: directory.path, avoidsSwap: directory.isSwapped, clock: clock)
            defer { workshop.close() }
            let key = try body(workshop, secret)
            let export: LockedMemory
            do throws(GnuPGError) {
                export = try workshop.lockedMemory(Bounds.keyFileSize)
                _ = try workshop.gnupg.wait { workshop.gnupg.exportSecretKey(key.fingerprint, into: export, completion: $0) }
            } catch { throw .gnupg(error) }
            let isNew = (try? Files.status(mau.keys)) ?? nil == nil
            do throws(AccountError) {
                do throws(SystemError) { try mau.create() } catch {
                    throw AccountError.reported(message: "cannot make the Mau directory: \(error.description)", exitCode: error.outputExitCode)
                }
                try write(export, mau, workshop, secret, existing: .refuse)
            } catch {
                if isNew { mau.removeIfEmpty(mau.keys) }
                throw error
            }
            do throws(SystemError) { try mau.makeDurably(mau.content(of: key.fingerprint), parent: mau.path) } catch { throw .system(error) }
            return .account(UnlockedAccount(key: key, derivationNanoseconds: 0))
        }.account()
    }

    /// Encrypts a secret key export and writes the account file, whole or not at all.
    static func write(_ export: LockedMemory, _ mau: MauDirectory, _ workshop: SecretWorkshop, _ passphrase: LockedMemory,
                      existing: DurableFile.Existing) throws(AccountError) {
        let file: [UInt8]
        do throws(GnuPGError) {
            let count = try PassphraseDerivation.measure(workshop.gnupg)
            file = try workshop.gnupg.wait { workshop.gnupg.encrypt(.secret(export), passphrase: passphrase, derivationCount: count, completion: $0) }
        } catch { throw .gnupg(error) }
        do throws(SystemError) {
            // Not in .mau: other programs read everything there as keys.
            try DurableFile.write(file, to: MauDirectory.accountName, in: mau.keys, temporaryDirectory: mau.path, existing: existing)
        } catch {
            throw error.code == ErrorNumber.exists ? .accountExists(path: mau.account) : .system(error)
        }
    }

    /// The encrypted account file.
    static func read(_ mau: MauDirectory) throws(AccountError) -> [UInt8] {
        do throws(SystemError) { return try Files.read(mau.account, limit: Bounds.keyFileSize) } catch {
            switch error.code {
            case ErrorNumber.notFound, ErrorNumber.notDirectory: throw .noAccount(path: mau.account)
            case ErrorNumber.messageSize: throw .damagedAccount
            default: throw .system(error)
            }
        }
    }

    static func readPassphrase(_ source: PassphraseSource) throws(AccountError) -> LockedMemory {
        do throws(PassphraseError) { return try source.read() } catch { throw .passphrase(error) }
    }

    /// A secret key export: as it is, or inside an account file.
    static func readExport(_ path: String, _ workshop: SecretWorkshop, _ passphrase: LockedMemory) throws(AccountError) -> LockedMemory {
        let memory: LockedMemory
        do throws(SystemError) {
            memory = try LockedMemory(capacity: Bounds.keyFileSize)
            if try !memory.fill(from: path) { throw SystemError.tooLarge(path, limit: Bounds.keyFileSize) }
        } catch { throw .system(error) }
        guard memory.withBytes({ SecretWorkshop.isEncryptedWithPassphrase($0) }) else { return memory }
        return try workshop.open(account: memory.withBytes { Array($0) }, passphrase: passphrase)
    }

    /// 256 random bits in hexadecimal: what protects the keys in the working directory from a disk.
    static func randomPassphrase() throws(AccountError) -> LockedMemory {
        do throws(SystemError) {
            let memory = try LockedMemory(capacity: 64)
            memory.fillWithRandomDigits()
            return memory
        } catch { throw .system(error) }
    }

    /// Whether gpg can make a user id of these.
    static func isUserID(_ name: String, _ mail: String?) -> Bool {
        let name = Array(name.utf8)
        guard (1...200).contains(name.count), name.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), name.first != 0x20, name.last != 0x20 else { return false }
        guard let mail = mail.map({ Array($0.utf8) }) else { return true }
        return (3...200).contains(mail.count) && mail.contains(0x40) && mail.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x3C && $0 != 0x3E }
    }
}
