import ArgumentParser
import Companion
import Node
import OpenPGP
import System
import Vocabulary

struct Sync: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch what is new from followed devices, each file verified before it is kept.",
        discussion: """
              mau sync                all devices that can be reached
              mau sync greenhouse     one of them

            It ends with 69 when a device could not be visited.
            """)

    @Argument(help: "Devices (default: all that are followed).") var devices: [String] = []
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let wanted = try devices.isEmpty ? desk.selection().followed : desk.devices(devices, offline: false)
        let report = try desk.sync(wanted)
        try writeOutput(output.json ? report.json : report.text)
        if let problem = report.problem { throw CommandError(.unavailable, problem) }
    }
}

struct Browse: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show everything in time order: what devices and friends published, and you.",
        discussion: """
              mau browse                    the newest 50 files of everybody
              mau browse greenhouse --last 500
            """)

    @Argument(help: "Devices or friends (default: everybody, and you).") var devices: [String] = []
    @Option(help: ArgumentHelp("How many files, the newest.", valueName: "number")) var last = 50
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var freshness: FreshnessOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100_000).contains(last) else { throw ValidationError("--last takes 1 to 100000") }
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let named = try desk.devices(devices, offline: freshness.offline)
        if !freshness.offline { try desk.refresh(named.isEmpty ? try desk.selection().followed : named) }
        let browsing = try desk.browse(named.isEmpty ? try desk.everybody() : named, last: last)
        try writeOutput(output.json ? browsing.json : browsing.text)
        if browsing.problems > 0 { throw CommandError(.dataError, "\(browsing.problems) files are not believed") }
    }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify a file, or all chains of devices with their gaps: readings, and logs of commands.",
        discussion: """
              mau verify                                            everything that is here
              mau verify greenhouse                                 all chains of a device
              mau verify ~/Mau/19f1.../r-air-000000000042.json.pgp   one file

            It ends with 65 when something is missing, changed, or not signed by who it should be.
            """)

    @Argument(help: "A device, or a file (default: all devices, and you).", completion: .file()) var what: String?
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var freshness: FreshnessOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        if let what, what.hasSuffix(".pgp") {
            let report = try desk.verify(file: what)
            return try writeOutput(output.json ? report.json : report.text)
        }
        let named = try what.map { try desk.devices([$0], offline: freshness.offline) }
        if !freshness.offline { try desk.refresh(named ?? desk.selection().followed) }
        let report = VerificationReport(try (named ?? desk.everybody()).flatMap { try desk.verifyChains($0) })
        try writeOutput(output.json ? report.json : report.text)
        if report.problems > 0 { throw CommandError(.dataError, "what is here is not whole (\(report.problems) problems)") }
    }
}

struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify a file, decrypt it, and write its content.",
        discussion: "  mau open ~/Mau/19f1.../device.json.pgp | jq .      who signed it is told on standard error")

    @Argument(help: "The file.", completion: .file()) var file: String
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let report = try Desk(account.place()).verify(file: file)
        if output.json { return try writeOutput(report.json(withContent: true)) }
        Desk.note("signed by \(printable(report.name)) (\(report.file.owner.hexadecimal))")
        try writeOutput(report.file.content)
    }
}

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write collected readings with their units, as CSV or JSON lines.",
        discussion: """
              mau export --csv > readings.csv
              mau export greenhouse/air --jsonl --since 2026-11-01T00:00:00Z

            It ends with 65 when a file could not be verified: that one is left out.
            """)

    @Argument(help: "Devices, sensors or DEVICE/SENSOR (default: everything).") var names: [String] = []
    @Flag(help: "Comma-separated values with a line of names first (RFC 4180; this is the default).") var csv = false
    @Flag(name: [.customLong("jsonl"), .customLong("json")], help: "An object a line.") var jsonLines = false
    @Option(help: ArgumentHelp("Only readings from then on, and before --until.", valueName: "date")) var since: String?
    @Option(help: ArgumentHelp("RFC 3339 in UTC: 2026-11-21T10:35:20Z.", valueName: "date")) var until: String?
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var freshness: FreshnessOptions

    func validate() throws {
        if csv, jsonLines { throw ValidationError("--csv or --jsonl, not both") }
        _ = try times()
    }

    private func times() throws -> ClosedRange<Int64>? {
        func time(_ text: String?, _ name: String) throws -> Int64? {
            guard let text else { return nil }
            if let time = milliseconds(ofDate: Array(text.utf8)) { return time }
            throw ValidationError("\(name) takes a date like 2026-11-21T10:35:20Z")
        }
        let first = try time(since, "--since"), end = try time(until, "--until")
        if first == nil, end == nil { return nil }
        guard first ?? 0 < end ?? .max else { throw ValidationError("--since is not before --until") }
        return (first ?? 0)...(end ?? .max) - 1
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let selection = try desk.selection(about: names, offline: freshness.offline)
        let sensors = try desk.collectedSensors(names, in: selection)
        let problems = try desk.export(sensors, times: try times(), as: ReadingWriter(jsonLines ? .jsonLines : .csv)) { (octets) throws(CommandError) in try writeOutput(octets) }
        if problems > 0 { throw CommandError(.dataError, "\(problems) files could not be verified and were left out") }
    }
}
