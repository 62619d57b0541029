import GnuPG
import OpenPGP
import System

/// What a child process tells its parent: nothing secret. One octet for the kind, then what belongs to it.
enum Report {
    case account(UnlockedAccount)
    /// Done, and there is nothing to say.
    case done
    case failure(AccountError)

    private enum Kind {
        static let account: UInt8 = 0
        static let other: UInt8 = 1
        static let wrongPassphrase: UInt8 = 2
        static let damagedAccount: UInt8 = 3
        static let keyHasPassphrase: UInt8 = 4
        static let programMissing: UInt8 = 5
        static let done: UInt8 = 6
        static let wrongKeyPassphrase: UInt8 = 7
    }

    /// As octets for the pipe.
    var octets: [UInt8] {
        switch self {
        case .account(let account):
            var out = [Kind.account]
            out.append(contentsOf: account.derivationNanoseconds.octets)
            out.append(contentsOf: account.key.octets)
            return out
        case .done: return [Kind.done]
        case .failure(.wrongPassphrase): return [Kind.wrongPassphrase]
        case .failure(.damagedAccount): return [Kind.damagedAccount]
        case .failure(.keyHasPassphrase): return [Kind.keyHasPassphrase]
        case .failure(.wrongKeyPassphrase): return [Kind.wrongKeyPassphrase]
        case .failure(.gnupg(.programMissing)): return [Kind.programMissing]
        case .failure(let error):
            return [Kind.other, UInt8(truncatingIfNeeded: error.exitCode.rawValue)] + error.description.octets
        }
    }

    /// Reads what a child wrote; nothing at all means that it crashed.
    init(_ octets: [UInt8]) {
        guard let kind = octets.first else { self = .failure(Report.crash); return }
        let rest = octets[1...]
        switch kind {
        case Kind.account:
            guard rest.count > 8, let key = KeyDescription(octets: Array(rest.dropFirst(8))) else { self = .failure(Report.crash); return }
            self = .account(UnlockedAccount(key: key, derivationNanoseconds: Int64(octets: rest.prefix(8))))
        case Kind.done: self = .done
        case Kind.wrongPassphrase: self = .failure(.wrongPassphrase)
        case Kind.damagedAccount: self = .failure(.damagedAccount)
        case Kind.keyHasPassphrase: self = .failure(.keyHasPassphrase)
        case Kind.wrongKeyPassphrase: self = .failure(.wrongKeyPassphrase)
        case Kind.programMissing: self = .failure(.gnupg(.programMissing))
        default:
            let code = ExitCode(rawValue: Int32(rest.first ?? 70)) ?? .software
            self = .failure(.reported(message: Message(octets: Array(rest.dropFirst())), exitCode: code))
        }
    }

    private static var crash: AccountError { .reported(message: "the process that works with the secret key ended unexpectedly", exitCode: .software) }

    static func of(_ body: () throws(AccountError) -> Report) -> [UInt8] {
        do throws(AccountError) { return try body().octets } catch { return Report.failure(error).octets }
    }

    /// The account that was reported.
    func account() throws(AccountError) -> UnlockedAccount {
        switch self {
        case .account(let account): return account
        case .failure(let error): throw error
        case .done: throw Report.crash
        }
    }
}
