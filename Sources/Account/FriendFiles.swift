import CLinux
import OpenPGP
import System

/// Finding friends' files.
extension Friends {
    /// The key files below `.mau`, sorted by group and name so that the same directory always gives the same list.
    func listFiles(_ odd: inout [OddFile]) throws(SystemError) -> [KeyFile] {
        var groups: [GroupName] = []
        var files = try listFiles(in: nil, &odd, groups: &groups)
        sort(count: groups.count, isLess: { groups[$0].octets.lexicographicallyPrecedes(groups[$1].octets) }, swap: { groups.swapAt($0, $1) })
        if groups.count > Bounds.groups {
            for group in groups[Bounds.groups...] { odd.append(OddFile(path: group.description, reason: "there are more than \(Bounds.groups) groups")) }
            groups.removeSubrange(Bounds.groups...)
        }
        for group in groups {
            var none: [GroupName] = []
            files += try listFiles(in: group, &odd, groups: &none)
        }
        if files.count > Bounds.friends {
            for file in files[Bounds.friends...] { odd.append(OddFile(path: file.path, reason: "there are more than \(Bounds.friends) friends")) }
            files.removeSubrange(Bounds.friends...)
        }
        return files
    }

    private func listFiles(in group: GroupName?, _ odd: inout [OddFile], groups: inout [GroupName]) throws(SystemError) -> [KeyFile] {
        let directory = try FileDescriptor.open(mau.keys(of: group), [.read, .directory])
        let number = directory.rawValue
        var files: [KeyFile] = [], strange: [OddFile] = [], found: [GroupName] = []
        let prefix = group.map { "\($0.description)/" } ?? ""
        try Files.forEachName(inDirectory: number) { (name) throws(SystemError) in
            let text = String(cString: name), octets = Array(text.utf8)
            // Names with a dot first are ignored, as the convention says; the account is no friend; other programs keep
            // things there that are no keys (sync_state.json).
            let isKey = octets.suffix(4).elementsEqual(Array<UInt8>(".pgp" as StaticString))
            if octets.first == 0x2E || (group == nil && text.hasSameOctets(as: "account.pgp")) { return true }
            let status = try Files.status(text, in: number, follow: false), kind = status?.kind
            if kind != UInt32(MAUD_FILE_DIRECTORY), !isKey { return true }
            if kind == UInt32(MAUD_FILE_DIRECTORY), group == nil, let name = GroupName(octets) {
                found.append(name)
            } else if kind == UInt32(MAUD_FILE_REGULAR), octets.count == Fingerprint.digits + 4, isKey,
                      let fingerprint = Fingerprint(hexadecimal: octets.prefix(Fingerprint.digits)) {
                files.append(KeyFile(group: group, name: fingerprint, modificationTime: status?.modification_time ?? 0))
            } else {
                strange.append(OddFile(path: prefix + text, reason: "it is no friend's key (<fingerprint>.pgp) and no group"))
            }
            return true
        }
        odd += strange
        groups = found
        sort(count: files.count, isLess: { files[$0].name.hexadecimal.lexicographicallyPrecedes(files[$1].name.hexadecimal) }, swap: { files.swapAt($0, $1) })
        return files
    }
}
