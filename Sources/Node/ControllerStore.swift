import Account
import Board
import Commands
import GnuPG
import OpenPGP
import Readings
import System
import Vocabulary

/// Who may command, and keys of friends that come anew: gpg looks at the keys, `.mau` keeps them.
extension CommandStore {
    func prepare(_ request: ControllerRequest, completion: @escaping (Result<Bool, PreparationFailure>) -> Void) {
        prepared = nil
        let friends = backend.friends
        switch request.kind {
        case .set: completion(.failure(.busy))
        case .removeController:
            guard friends.friend(request.fingerprint)?.groups.contains(.controllers) ?? false else { return completion(.failure(.refused(.noSuchController))) }
            if friends.isLastController(request.fingerprint) { return completion(.failure(.refused(.lastController))) }
            prepared = .remove(request.fingerprint)
            completion(.success(true))
        case .renewKey where friends.friend(request.fingerprint) == nil: completion(.failure(.refused(.noSuchFriend)))
        case .addController, .handOver, .renewKey:
            friends.examine(request.key) { [unowned(unsafe) self] result in
                if case .failure(let error) = result { return completion(.failure(CommandStore.failure(error))) }
                guard case .success(let key) = result, key.fingerprint == request.fingerprint else { return completion(.failure(.refused(.badKey))) }
                join(request, completion)
            }
        }
    }

    private func join(_ request: ControllerRequest, _ completion: @escaping (Result<Bool, PreparationFailure>) -> Void) {
        let friends = backend.friends
        if request.kind != .renewKey {
            do throws(AccountError) { try friends.checkRoomForController(request.fingerprint) } catch { return completion(.failure(CommandStore.failure(error))) }
        }
        friends.join(request.fingerprint, request.key) { [unowned(unsafe) self] result in
            switch result {
            case .failure(let error): completion(.failure(CommandStore.failure(error)))
            case .success(let joined):
                if request.kind == .renewKey {
                    prepared = .renew(joined)
                } else if joined.key.encryptionDefect != nil || joined.key.signingKey == nil {
                    return completion(.failure(.refused(.unusableKey)))
                } else { prepared = request.kind == .handOver ? .handOver(joined) : .add(joined) }
                completion(.success(joined.isNews))
            }
        }
    }

    private static func failure(_ error: AccountError) -> PreparationFailure {
        switch error {
        case .notOneKey, .secretKey: .refused(.badKey)
        case .ownKey: .refused(.ownKey)
        case .sharedSubkey: .refused(.sharedSubkey)
        case .tooMany: .refused(.tooManyFriends)
        // An engine that fails on a key has looked at it.
        case .gnupg(.damaged), .gnupg(.engine), .gnupg(.tooLarge): .refused(.badKey)
        default: .busy
        }
    }

    func carryOut(done: @escaping (Bool) -> Void) {
        guard let change = prepared else { return done(false) }
        prepared = nil
        backend.friends.carryOut(change, on: worker) { error in
            if let error {
                var log = Log("controllers-not-changed")
                log.field("reason", error.description)
                log.write()
            }
            done(error == nil)
        }
    }

    /// Opens a friend's file with its own public key, signed by that friend.
    func open(key message: [UInt8], of friend: Fingerprint, completion: @escaping (Result<OpenedCommand, OpeningFailure>) -> Void) {
        backend.gnuPG.open(message, limit: Bounds.publishedKey, seconds: Bounds.commandOpeningSeconds) { result in
            switch result {
            case .success(let opened) where opened.signer == friend:
                completion(.success(OpenedCommand(content: opened.content, signer: opened.signer, signatureTime: opened.time / 1_000_000)))
            case .failure(.busy), .failure(.system), .failure(.programMissing): completion(.failure(.busy))
            default: completion(.failure(.refused))
            }
        }
    }

    /// Whoever was removed by the command itself gets the answer, and nothing after that.
    func signAnswer(_ document: [UInt8], to controller: Fingerprint, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void) {
        let friends = backend.friends
        if friends.friend(controller) == nil, let key = friends.former.first(where: { $0.fingerprint == controller }), key.encryptionDefect == nil {
            return backend.sign(document, to: [account.fingerprint, controller], completion: completion)
        }
        backend.sign(document, for: .fingerprints([controller]), completion: completion)
    }
}
