import ArgumentParser
import Companion
import Glibc
import JSON
import Node
import OpenPGP
import System

/// Who may command a device.
struct Controllers: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, add and remove who may command a device.",
        discussion: """
            You must be one of them. Whoever is removed is no friend of the device any more; the last one cannot be removed (see mau hand-over).

              mau controllers greenhouse list
              mau controllers greenhouse add bob.pgp
              mau controllers greenhouse remove a62fd4d43e3fc83ec3bedef69c780921444be7d5
              mau controllers greenhouse renew mine.pgp       a key of a friend of the device, renewed or revoked
            """)

    enum Action: String, ExpressibleByArgument, CaseIterable { case list, add, remove, renew }

    @Argument(help: "The device's name, or the beginning of its fingerprint.") var device: String
    @Argument(help: "What to do.") var action: Action
    @Argument(help: ArgumentHelp("For add and renew the public key, for remove the fingerprint.", valueName: "keyfile|fingerprint"), completion: .file()) var subject: String?
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if action == .list, subject != nil { throw ValidationError("list takes nothing more") }
        if action != .list, subject == nil { throw ValidationError(action == .remove ? "FINGERPRINT is missing" : "KEYFILE is missing") }
        if action == .remove, let subject, Fingerprint(subject) == nil { throw ValidationError("\(subject) is not a fingerprint (40 hexadecimal digits)") }
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let device = try desk.selection().device(device)
        switch action {
        case .list: try writeOutput(desk.list(controllers: desk.controllers(of: device), json: output.json))
        case .add: try report(desk, OwnershipChange(desk, device: device, .add, key: desk.ownersKey(file: subject ?? "")))
        case .renew: try report(desk, OwnershipChange(desk, device: device, .renew, key: desk.ownersKey(file: subject ?? "")))
        case .remove:
            guard let fingerprint = Fingerprint(subject ?? "") else { return }
            try report(desk, OwnershipChange(desk, device: device, .remove, fingerprint: fingerprint))
        }
    }

    private func report(_ desk: Desk, _ change: OwnershipChange) throws { try writeOutput(change.run().report(json: output.json)) }
}

struct HandOver: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give a device away: one key commands it from then on, and nobody else.",
        discussion: """
            You and everyone else who commands it now are no friends of the device any more. It asks first.

              mau hand-over greenhouse bob.pgp
            """)

    @Argument(help: "The device's name, or the beginning of its fingerprint.") var device: String
    @Argument(help: ArgumentHelp("The new owner's public key.", valueName: "keyfile"), completion: .file()) var keyFile: String
    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let device = try desk.selection().device(device), key = try desk.ownersKey(file: keyFile)
        if !yes { try confirm(device, key) }
        try writeOutput(OwnershipChange(desk, device: device, .handOver, key: key).run().report(json: output.json))
    }

    /// The new owner's fingerprint is what must be right: a key file of the wrong person gives the device to them.
    private func confirm(_ device: KnownDevice, _ key: OwnersKey) throws {
        guard isatty(0) != 0 else { throw CommandError(.usage, "there is no terminal to ask at; --yes does without") }
        let digits = String(key.fingerprint.description.prefix(8))
        Output.standardError("\(device.name) (\(device.fingerprint.description)) will be commanded by \(printable(key.name))\nwith the key \(key.fingerprint.description), and by nobody else, not by you.\n" as Message)
        Output.standardError("Type the first 8 digits of that key to go on: " as Message)
        guard readLine() == digits else { throw CommandError(.noPermission, "nothing was changed") }
    }
}

extension CommandAnswer {
    /// What a person, or a program, is told of a change that was carried out.
    fileprivate func report(json isJSON: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        for (name, value) in [("device", device.description), ("identifier", identifier), ("actionStatus", "CompletedActionStatus")] {
            json.key(octets: Array(name.utf8))
            json.string(octets: Array(value.utf8))
        }
        json.endObject()
        return isJSON ? json.bytes + [0x0A] : Array("done, signed by \(device.description)\n".utf8)
    }
}
