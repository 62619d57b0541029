@testable import Board
import CLinux
import EventLoop
import Foundation
import System
import Testing

@Suite struct WorkerSourceTests {
    private let tree: FakeTree
    private let bench: Bench
    private let device = "sys/bus/iio/devices/iio:device0/"
    init() throws {
        tree = try FakeTree()
        bench = try Bench()
    }

    private func conversion(_ scale: String, _ offset: String) throws -> Conversion {
        Conversion(scale: try #require(Decimal(octets: Array(scale.utf8))), offset: try #require(Decimal(octets: Array(offset.utf8))))
    }

    // MARK: 1-Wire

    private func thermometer(_ text: String) throws -> Result<Int64, SensorFault> {
        try tree.write("sys/bus/w1/devices/28-0316a2794bff/w1_slave", text)
        return try bench.read(.oneWire(identifier: "28-0316a2794bff"), tree)
    }

    @Test func oneWire() throws {
        #expect(try bench.read(.oneWire(identifier: "28-0316a2794bff"), tree) == .failure(.sourceMissing))
        #expect(try thermometer("a3 01 4b 46 7f ff 0c 10 56 : crc=56 YES\na3 01 4b 46 7f ff 0c 10 56 t=26187\n") == .success(26187))
        #expect(try thermometer("f8 ff 4b 46 7f ff 0c 10 56 : crc=56 YES\nf8 ff 4b 46 7f ff 0c 10 56 t=-500\n") == .success(-500))
        #expect(try thermometer("a3 01 4b 46 7f ff 0c 10 56 : crc=57 NO\na3 01 4b 46 7f ff 0c 10 56 t=26187\n") == .failure(.sourceFailed(ErrorNumber.badMessage)))
        #expect(try thermometer("a3 01 4b 46 7f ff 0c 10 56 : crc=56 YES\na3 01 4b 46 7f ff 0c 10 56 t=\n") == .failure(.malformedValue))
        #expect(try thermometer("YES\nt") == .failure(.malformedValue))
        #expect(try thermometer("") == .failure(.malformedValue))
    }

    // MARK: Industrial I/O

    private func channel(_ channel: String, _ conversion: Conversion = .none) throws -> Result<Int64, SensorFault> {
        try bench.read(.industrialIO(device: "bme280", channel: channel, conversion), tree)
    }

    @Test func processedChannels() throws {
        try tree.write(device + "name", "bme280\n")
        try tree.write(device + "in_temp_input", "21437\n")
        try tree.write(device + "in_temp_raw", "1\n")
        #expect(try channel("in_temp") == .success(21_437_000))
        #expect(try channel("in_temp", conversion("0.001", "-0.5")) == .success(20_937))
        #expect(try channel("in_pressure") == .failure(.sourceMissing))
        #expect(try bench.read(.industrialIO(device: "bmp", channel: "in_temp", .none), tree) == .failure(.sourceMissing))
    }

    @Test func rawChannelsAreOffsetAndScaled() throws {
        try tree.write(device + "name", "bme280\n")
        try tree.write(device + "in_voltage0_raw", "1000\n")
        #expect(try channel("in_voltage0") == .success(1_000_000))
        try tree.write(device + "in_voltage_scale", "0.125000000\n")
        #expect(try channel("in_voltage0") == .success(125_000))
        try tree.write(device + "in_voltage0_offset", "-8\n")
        #expect(try channel("in_voltage0") == .success(124_000))
        try tree.write(device + "in_voltage0_scale", "2\n")
        #expect(try channel("in_voltage0", conversion("0.001", "1")) == .success(2984))
        try tree.write(device + "in_accel_x_raw", "-100\n")
        try tree.write(device + "in_accel_scale", "0.009806\n")
        #expect(try channel("in_accel_x") == .success(-981))
        try tree.write(device + "in_voltage0-voltage1_raw", "5\n")
        try tree.write(device + "in_voltage-voltage_scale", "0.0625\n")
        #expect(try channel("in_voltage0-voltage1") == .success(313))
        try tree.write(device + "in_voltage0_scale", "none\n")
        #expect(try channel("in_voltage0") == .failure(.malformedValue))
    }

    @Test func attributesAreReadAgainAndDevicesFoundAgain() throws {
        try tree.write(device + "name", "bme280\n")
        try tree.write(device + "in_temp_input", "1\n")
        let reader = SensorReader(makeSensor(.industrialIO(device: "bme280", channel: "in_temp", .none), decimals: 0), paths: tree.paths, loop: bench.loop)
        #expect(try bench.read(reader) == .success(1))
        try tree.write(device + "in_temp_input", "2\n")
        #expect(try bench.read(reader) == .success(2))
        try tree.write(device + "in_temp_input", "none\n")
        #expect(try bench.read(reader) == .failure(.malformedValue))
        try tree.remove("sys/bus/iio/devices/iio:device0")
        #expect(try bench.read(reader) == .failure(.sourceMissing))
        try tree.write("sys/bus/iio/devices/iio:device4/name", "bme280\n")
        try tree.write("sys/bus/iio/devices/iio:device4/in_temp_input", "4\n")
        #expect(try bench.read(reader) == .success(4))
    }

    // MARK: Files

    @Test(arguments: [("21.5\n", 21_500 as Int64?), (" \n 7 metres", 7000), ("temp=3", nil), ("", nil), ("12,5", nil), ("0x10", nil)])
    func files(_ text: String, _ expected: Int64?) throws {
        try tree.write("value", text)
        #expect(try bench.read(.file(path: tree.root + "/value", .none), tree) == (expected.map { .success($0) } ?? .failure(.malformedValue)))
    }

    @Test func filesAreScaledExactly() throws {
        try tree.write("value", "0.0005")
        #expect(try bench.read(.file(path: tree.root + "/value", .none), tree) == .success(1))
        #expect(try bench.read(.file(path: tree.root + "/value", conversion("-1", "0")), tree) == .success(-1))
        #expect(try bench.read(.file(path: tree.root + "/value", conversion("1000000000", "-499999")), tree) == .success(1000))
        try tree.write("value", String(repeating: "9", count: 120))
        #expect(try bench.read(.file(path: tree.root + "/value", .none), tree) == .failure(.outOfRange))
        try tree.write("value", String(repeating: " ", count: 200) + "1")
        #expect(try bench.read(.file(path: tree.root + "/value", .none), tree) == .failure(.malformedValue))
    }

    /// A file is what its path says now, not what was open before.
    @Test func filesAreReplacedByRenaming() throws {
        let path = tree.root + "/value"
        let reader = SensorReader(makeSensor(.file(path: path, .none), decimals: 0), paths: tree.paths, loop: bench.loop)
        try tree.write("value", "1")
        #expect(try bench.read(reader) == .success(1))
        try tree.write("new", "2")
        #expect(rename(tree.root + "/new", path) == 0)
        #expect(try bench.read(reader) == .success(2))
        try tree.remove("value")
        #expect(try bench.read(reader) == .failure(.sourceMissing))
    }

    @Test func whatIsNoFileDoesNotBlock() throws {
        #expect(mkfifo(tree.root + "/pipe", 0o600) == 0)
        #expect(try bench.read(.file(path: tree.root + "/pipe", .none), tree) == .failure(.malformedValue))
        #expect(try bench.read(.file(path: tree.root, .none), tree) == .failure(.sourceFailed(ErrorNumber.isDirectory)))
        #expect(try bench.read(.file(path: tree.root + "/value/x", .none), tree) == .failure(.sourceMissing))
        #expect(try bench.read(.file(path: "/dev/zero", .none), tree) == .failure(.malformedValue))
    }

    /// Root may read everything, so the permission is tried without it.
    @Test func unreadableFiles() throws {
        #expect(SensorFault(errorNumber: ErrorNumber.accessDenied) == .accessDenied)
        if maud_user_id() != 0 {
            try tree.write("value", "1")
            #expect(chmod(tree.root + "/value", 0) == 0)
            #expect(try bench.read(.file(path: tree.root + "/value", .none), tree) == .failure(.accessDenied))
        }
    }
}
