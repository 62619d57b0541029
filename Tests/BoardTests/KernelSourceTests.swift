@testable import Board
import CLinux
import EventLoop
import System
import TestSupport
import Testing

private typealias Outcome = Result<Int64, SensorFault>

@Suite struct KernelSourceTests {
    private let tree: FakeTree
    private let bench: Bench
    init() throws {
        tree = try FakeTree()
        bench = try Bench()
    }

    @Test func thermalZones() throws {
        try tree.write("sys/class/thermal/thermal_zone0/temp", "21437\n")
        #expect(try bench.read(.thermalZone(0), tree) == .success(21437))
        #expect(try bench.read(.thermalZone(0), tree, decimals: 1) == .success(214))
        #expect(try bench.read(.thermalZone(0), tree, decimals: 0) == .success(21))
        #expect(try bench.read(.thermalZone(1), tree) == .failure(.sourceMissing))
    }

    @Test func thermalZonesByTypeTakeTheLeastNumber() throws {
        for (zone, type) in [(10, "cpu-thermal"), (2, "cpu-thermal"), (0, "gpu"), (1, "cpu-thermal2")] {
            try tree.write("sys/class/thermal/thermal_zone\(zone)/type", type + "\n")
            try tree.write("sys/class/thermal/thermal_zone\(zone)/temp", "\(zone)000\n")
        }
        try tree.write("sys/class/thermal/thermal_zonex/type", "cpu-thermal\n")
        #expect(try bench.read(.thermalZoneType("cpu-thermal"), tree) == .success(2000))
        #expect(try bench.read(.thermalZoneType("cpu"), tree) == .failure(.sourceMissing))
    }

    @Test(arguments: [("temp1", "-5500\n", -5500 as Int64), ("in0", "3312", 3312), ("curr1", "12", 12), ("power1", "2500001", 2500), ("energy1", "999500", 1000), ("humidity1", "45250", 45250), ("fan2", "1200\n", 1_200_000)])
    func hardwareMonitors(_ channel: String, _ text: String, _ thousandths: Int64) throws {
        try tree.write("sys/class/hwmon/hwmon3/name", "ina226\n")
        try tree.write("sys/class/hwmon/hwmon3/\(channel)_input", text)
        #expect(try bench.read(.hardwareMonitor(chip: "ina226", channel: channel), tree) == .success(thousandths))
        #expect(try bench.read(.hardwareMonitor(chip: "ina22", channel: channel), tree) == .failure(.sourceMissing))
        #expect(try bench.read(.hardwareMonitor(chip: "ina226", channel: "temp9"), tree) == .failure(.sourceMissing))
    }

    @Test(arguments: [("capacity", "87\n", 87_000 as Int64), ("voltage_now", "12345678\n", 12346), ("current_now", "-250000", -250), ("power_now", "500", 1),
                      ("energy_now", "499", 0), ("charge_now", "2000000", 2000), ("temp", "251", 25100), ("online", "1", 1000)])
    func powerSupplies(_ attribute: String, _ text: String, _ thousandths: Int64) throws {
        try tree.write("sys/class/power_supply/BAT0/\(attribute)", text)
        #expect(try bench.read(.powerSupply(supply: "BAT0", attribute: attribute), tree) == .success(thousandths))
    }

    @Test func load() throws {
        try tree.write("proc/loadavg", "0.52 1.5 12.34 1/977 12345\n")
        #expect(try bench.read(.load(minutes: 1), tree) == .success(520))
        #expect(try bench.read(.load(minutes: 5), tree) == .success(1500))
        #expect(try bench.read(.load(minutes: 15), tree) == .success(12340))
        try tree.write("proc/loadavg", "0.52")
        #expect(try bench.read(.load(minutes: 15), tree) == .failure(.malformedValue))
    }

    @Test func memory() throws {
        try tree.write("proc/meminfo", "MemTotal:        3884208 kB\nMemAvailable:    1 kB\nMemAvailableX:    7 kB\nHugePages_Total:       3\nActive(anon):    10 kB\nBad: x kB\n")
        #expect(try bench.read(.memory(field: "MemTotal"), tree, decimals: 0) == .success(3_884_208 * 1024))
        #expect(try bench.read(.memory(field: "MemAvailable"), tree, decimals: 0) == .success(1024))
        #expect(try bench.read(.memory(field: "HugePages_Total"), tree, decimals: 0) == .success(3))
        #expect(try bench.read(.memory(field: "Active(anon)"), tree, decimals: 0) == .success(10240))
        #expect(try bench.read(.memory(field: "Mem"), tree) == .failure(.sourceMissing))
        #expect(try bench.read(.memory(field: "Bad"), tree) == .failure(.malformedValue))
    }

    @Test func theMachinesOwnFiles() throws {
        let reader = SensorReader(makeSensor(.memory(field: "MemTotal"), decimals: 0, minimum: 1 << 20, maximum: 1 << 50), paths: SensorPaths(), loop: bench.loop)
        guard case .success = try bench.read(reader) else { Issue.record("no memory"); return }
        let load = SensorReader(makeSensor(.load(minutes: 1), decimals: 2, minimum: 0, maximum: 1_000_000), paths: SensorPaths(), loop: bench.loop)
        guard case .success = try bench.read(load) else { Issue.record("no load"); return }
    }

    @Test(arguments: [
        ("", Outcome.failure(.malformedValue)), ("\n", .failure(.malformedValue)), ("garbage", .failure(.malformedValue)), ("12x", .failure(.malformedValue)),
        ("99999999999999999999999999", .failure(.outOfRange)), ("-99999999999999999999999999", .failure(.outOfRange)), ("1e40", .failure(.outOfRange)),
        ("-1", .success(-1)), ("+0", .success(0)), ("\0\0", .failure(.malformedValue)), ("9223372036854775807", .success(9_223_372_036_854_775_800)),
    ])
    private func whatIsNoReadingIsAFault(_ text: String, _ expected: Outcome) throws {
        try tree.write("sys/class/thermal/thermal_zone0/temp", text)
        #expect(try bench.read(.thermalZone(0), tree) == expected)
    }

    @Test func theDeclaredRangeHolds() throws {
        let reader = SensorReader(makeSensor(.thermalZone(0), decimals: 1, minimum: -400, maximum: 850), paths: tree.paths, loop: bench.loop)
        for (text, expected) in [("-40000", Outcome.success(-400)), ("-40049", .success(-400)), ("-40050", .failure(.outOfRange)), ("85049", .success(850)), ("85050", .failure(.outOfRange))] {
            try tree.write("sys/class/thermal/thermal_zone0/temp", text)
            #expect(try bench.read(reader) == expected)
        }
    }

    /// The descriptor stays open: what is read is the file as it is now, and a device that went is found again.
    @Test func devicesComeAndGo() throws {
        try tree.write("sys/class/hwmon/hwmon1/name", "chip")
        try tree.write("sys/class/hwmon/hwmon1/temp1_input", "1000")
        let reader = SensorReader(makeSensor(.hardwareMonitor(chip: "chip", channel: "temp1")), paths: tree.paths, loop: bench.loop)
        #expect(try bench.read(reader) == .success(1000))
        try tree.write("sys/class/hwmon/hwmon1/temp1_input", "2000")
        #expect(try bench.read(reader) == .success(2000))
        try tree.remove("sys/class/hwmon/hwmon1")
        try withFaults({ $0 == "pread" ? ErrorNumber.noDevice : 0 }) { () throws in #expect(try bench.read(reader) == .failure(.sourceMissing)) }
        #expect(try bench.read(reader) == .failure(.sourceMissing))
        try tree.write("sys/class/hwmon/hwmon7/name", "chip")
        try tree.write("sys/class/hwmon/hwmon7/temp1_input", "3000")
        #expect(try bench.read(reader) == .success(3000))
    }

    @Test func errorsOfTheKernelAreTold() throws {
        try tree.write("sys/class/thermal/thermal_zone0/temp", "1")
        for (code, fault) in [(ErrorNumber.inputOutput, SensorFault.sourceFailed(5)), (ErrorNumber.accessDenied, .accessDenied), (ErrorNumber.again, .sourceFailed(11)), (61, .sourceFailed(61))] {
            try withFaults({ $0 == "pread" ? code : 0 }) { () throws in #expect(try bench.read(.thermalZone(0), tree) == .failure(fault)) }
        }
        try withFaults({ $0 == "openat" ? ErrorNumber.accessDenied : 0 }) { () throws in #expect(try bench.read(.thermalZone(0), tree) == .failure(.accessDenied)) }
        #expect(SensorFault.sourceFailed(61).description.text == "cannot be read: No data available")
        #expect(SensorFault.accessDenied.description.text == "cannot be read: Permission denied")
        #expect(SensorFault.sourceFailed(5).fault == .sourceFailed && SensorFault.exited(3).fault == .commandFailed)
    }
}
