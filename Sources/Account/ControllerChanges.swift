import EventLoop
import GnuPG
import OpenPGP
import System

/// What is to become of the group `controllers`, or of a friend's key, in a running node.
public enum ControllerChange {
    /// Puts a key into the group, and into `viewers` before: who commands a device reads what it measures.
    case add(JoinedKey)
    /// Takes one out, of every other group too: it is no friend any more.
    case remove(Fingerprint)
    /// Makes this one the only controller, and a viewer. The others are no friends any more.
    case handOver(JoinedKey)
    /// Takes over what is new in a friend's key, wherever the friend is.
    case renew(JoinedKey)
}

extension Friends {
    /// Where a controller's key goes. As `write` takes groups: Embedded Swift casts no array.
    private static var controllersGroups: [GroupName?] { [.viewers, .controllers] }

    /// Whether nobody could command any more without this controller: no other one's key can be used.
    public func isLastController(_ fingerprint: Fingerprint) -> Bool {
        !members(of: .controllers).contains { $0.fingerprint != fingerprint && $0.key.encryptionDefect == nil && $0.key.signingKey != nil }
    }

    /// Whether there is room for one more controller.
    public func checkRoomForController(_ fingerprint: Fingerprint) throws(AccountError) { try checkRoom(for: fingerprint, in: Friends.controllersGroups) }

    /// Carries out a change, on the disk and then here; `done` gets what failed. A revocation counts here from the beginning, whatever the
    /// disk does.
    public func carryOut(_ change: ControllerChange, on worker: Worker, done: @escaping (AccountError?) -> Void) {
        let changes = KeyFileChanges(mau)
        if case .renew(let joined) = change { replace(joined.key) }
        let gone: [Fingerprint]
        do throws(AccountError) { gone = try write(change, changes) } catch { return done(error) }
        changes.run(on: worker) { [self] error in
            if let error { return done(.system(error)) }
            for fingerprint in gone { forget(fingerprint) }
            if case .add(let joined) = change { become(joined.key) }
            if case .handOver(let joined) = change { become(joined.key) }
            done(nil)
        }
    }

    /// The steps on the disk; whoever is no friend afterwards.
    private func write(_ change: ControllerChange, _ changes: KeyFileChanges) throws(AccountError) -> [Fingerprint] {
        switch change {
        case .add(let joined): try write(joined, alsoTo: Friends.controllersGroups, changes)
        case .renew(let joined): try write(joined, alsoTo: [], changes)
        case .remove(let fingerprint):
            try removeOutside(controllers: fingerprint, changes)
            changes.remove(fingerprint, .controllers)
            return [fingerprint]
        case .handOver(let joined):
            // Until the last step those who command now do; from then on the new one alone.
            let others = members(of: .controllers).map { $0.fingerprint }.filter { $0 != joined.key.fingerprint }
            try write(joined, alsoTo: [.viewers], changes)
            for other in others { try removeOutside(controllers: other, changes) }
            changes.replace(.controllers, with: joined.message, joined.key.fingerprint)
            return others
        }
        return []
    }

    private func removeOutside(controllers fingerprint: Fingerprint, _ changes: KeyFileChanges) throws(AccountError) {
        for file in try files(of: fingerprint) where file.group != .controllers { changes.remove(fingerprint, file.group) }
    }

    // MARK: What is known here

    private func replace(_ key: KeyDescription) {
        guard let index = all.firstIndex(where: { $0.fingerprint == key.fingerprint }) else { return }
        all[index].key = key
        generation += 1
    }

    private func become(_ key: KeyDescription) {
        generation += 1
        former.removeAll { $0.fingerprint == key.fingerprint }
        let known = all.firstIndex { $0.fingerprint == key.fingerprint }
        if known == nil { all.append(Friend(key: key, groups: [], isUngrouped: false)) }
        let index = known ?? all.count - 1
        all[index].key = key
        for case let group? in Friends.controllersGroups where !all[index].groups.contains(group) { all[index].groups.append(group) }
    }

    private func forget(_ fingerprint: Fingerprint) {
        guard let index = all.firstIndex(where: { $0.fingerprint == fingerprint }) else { return }
        if former.count >= Bounds.formerControllers { former.removeFirst() }
        former.append(all.remove(at: index).key)
        generation += 1
    }
}
