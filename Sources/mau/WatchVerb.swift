import ArgumentParser
import Companion
import Node
import System

struct WatchVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Watch readings as they come: a table with a small plot, until Ctrl-C.",
        discussion: """
              mau watch                          everything that followed devices measure
              mau watch greenhouse/air --every 10
              mau watch --json | ...             a line for each new reading when the output is no terminal
            """)

    @Argument(help: "Devices, sensors or DEVICE/SENSOR (default: everything).") var names: [String] = []
    @Option(help: ArgumentHelp("How often devices are asked.", valueName: "seconds")) var every: Double = 2
    @Option(help: ArgumentHelp("End after so many readings.", valueName: "number")) var count: Int?
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0.2...86_400).contains(every) else { throw ValidationError("--every takes 0.2 to 86400 seconds") }
        if let count, count < 1 { throw ValidationError("--count takes a number from 1") }
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let selection = try desk.selection(about: names, offline: false)
        let sensors = try desk.sensors(names, in: selection)
        if sensors.isEmpty { throw CommandError(.noInput, "there is no sensor to watch: follow a device, and reach it once") }
        let watch = try Watch(desk, sensors)
        do throws(CommandError) {
            if Terminal.isOutput, !output.json { try draw(watch, desk) } else { try print(watch) }
        } catch { if !watch.isEnd(error) { throw error } }
    }

    /// The live table.
    private func draw(_ watch: Watch, _ desk: Desk) throws(CommandError) {
        var screen = WatchScreen(style: .of(locale: Place.environment("LC_ALL") ?? Place.environment("LC_CTYPE") ?? Place.environment("LANG")))
        var notes: [String] = [], left = count ?? .max
        try writeOutput(WatchScreen.begin)
        defer { try? writeOutput(WatchScreen.end) }
        _ = try watch.readNew()
        while !watch.isInterrupted, left > 0 {
            let note = notes.last ?? "every \(every) s, Ctrl-C ends"
            try writeOutput(screen.draw(watch.sensors, now: desk.session.clock.now / 1_000_000, note: note, columns: Terminal.columns, rows: Terminal.rows))
            try watch.rest(seconds: every)
            notes = []
            left -= try watch.look { notes.append("\($0.name): \($1.text)") }.count
        }
    }

    /// A line for each new reading.
    private func print(_ watch: Watch) throws(CommandError) {
        var left = count ?? .max
        try watch.skipWhatIsHere()
        while !watch.isInterrupted {
            for (reading, batch, device) in try watch.look({ Desk.note("\($0.name): \($1)") }) where left > 0 {
                left -= 1
                try writeOutput(watchLine(reading, batch, device))
            }
            if left == 0 { return }
            try watch.rest(seconds: every)
        }
    }

    private func watchLine(_ reading: Reading, _ batch: ReadingBatch, _ device: KnownDevice) -> [UInt8] {
        if output.json { return ReadingWriter(.jsonLines).line(reading, of: batch, deviceName: device.name) }
        let time = reading.date ?? "boot + \(reading.monotonicSeconds.text) s"
        return printable(time) + [0x09] + printable(device.name) + [0x09] + printable(batch.sensor) + [0x09] + printable(batch.words(reading)) + [0x0A]
    }
}
