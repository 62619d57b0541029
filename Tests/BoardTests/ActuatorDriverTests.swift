@testable import Board
import CLinux
import EventLoop
import Foundation
import JSON
import System
import TestSupport
import Testing

/// docs/board.md, "What an actuator drives".
@Suite(.serialized) struct ActuatorDriverTests {
    private let tree: FakeTree
    private let bench: Bench
    init() throws {
        tree = try FakeTree()
        bench = try Bench()
    }

    private func actuator(_ source: String, _ keys: String = #""type": "switch""#) throws -> Actuator {
        let text = #"{"name": "b", "actuators": [{"name": "a", "title": "A", \#(keys), "source": \#(source)}]}"#
        return try Board(json: Array(text.utf8)).actuators[0]
    }

    private func driver(_ source: String, _ keys: String = #""type": "switch""#) throws -> ActuatorDriver {
        ActuatorDriver(try actuator(source, keys), paths: tree.paths, loop: bench.loop, worker: bench.worker)
    }

    private func set(_ driver: ActuatorDriver, _ value: Int64) throws -> SensorFault? {
        var outcome: SensorFault??
        driver.set(value) { outcome = .some($0) }
        while outcome == nil { try bench.loop.runOnce(wait: true) }
        return outcome ?? nil
    }

    private func text(_ path: String) -> String? { (try? Files.read(tree.root + "/" + path, limit: 1000))?.text }

    @Test func led() throws {
        try tree.write("sys/class/leds/x/max_brightness", "255\n")
        try tree.write("sys/class/leds/x/brightness", "7\n")
        try tree.write("sys/class/leds/x/trigger", "[mmc0] none\n")
        let switching = try driver(#"{"type": "led", "name": "x"}"#)
        #expect(try set(switching, 1) == nil)
        #expect(text("sys/class/leds/x/brightness")?.hasPrefix("255") == true)
        #expect(text("sys/class/leds/x/trigger")?.hasPrefix("none") == true)
        let percent = try driver(#"{"type": "led", "name": "x"}"#, #""type": "level", "maximum": 100, "decimals": 1, "step": 0.1"#)
        for (value, expected) in [(0, "0"), (1000, "255"), (500, "128"), (1, "0"), (2, "1")] as [(Int64, String)] {
            try tree.write("sys/class/leds/x/brightness", "")
            #expect(try set(percent, value) == nil)
            #expect(text("sys/class/leds/x/brightness") == expected)
        }
        // Without a trigger too.
        try tree.remove("sys/class/leds/x/trigger")
        #expect(try set(switching, 0) == nil)
        try tree.remove("sys/class/leds/x/brightness")
        #expect(try set(switching, 0) == .sourceMissing)
        #expect(try set(driver(#"{"type": "led", "name": "y"}"#), 0) == .sourceMissing)
        try tree.write("sys/class/leds/x/max_brightness", "many")
        #expect(try set(driver(#"{"type": "led", "name": "x"}"#), 0) == .malformedValue)
    }

    @Test func backlight() throws {
        try tree.write("sys/class/backlight/b/max_brightness", "31")
        try tree.write("sys/class/backlight/b/brightness", "")
        let level = try driver(#"{"type": "backlight", "name": "b"}"#, #""type": "level", "minimum": -50, "maximum": 50"#)
        #expect(try set(level, -50) == nil)
        #expect(text("sys/class/backlight/b/brightness") == "0")
        #expect(try set(level, 50) == nil)
        #expect(text("sys/class/backlight/b/brightness") == "31")
    }

    /// Each of these is a file of its own here, in which only the last text stays.
    @Test func pulseWidth() throws {
        for name in ["period", "duty_cycle", "polarity", "enable"] { try tree.write("sys/class/pwm/pwmchip0/pwm1/\(name)", "") }
        try tree.write("sys/class/pwm/pwmchip0/export", "")
        let servo = try driver(#"{"type": "pulseWidth", "channel": 1, "period": 20000000, "low": 1000000, "high": 2000000, "inverted": true}"#, #""type": "level", "maximum": 180"#)
        #expect(try set(servo, 90) == nil)
        #expect(text("sys/class/pwm/pwmchip0/pwm1/period") == "20000000")
        #expect(text("sys/class/pwm/pwmchip0/pwm1/duty_cycle") == "1500000")
        #expect(text("sys/class/pwm/pwmchip0/pwm1/polarity") == "inversed")
        #expect(text("sys/class/pwm/pwmchip0/pwm1/enable") == "1")
        #expect(text("sys/class/pwm/pwmchip0/export") == "")
        // From then on the pulse alone.
        try tree.remove("sys/class/pwm/pwmchip0/pwm1/enable")
        #expect(try set(servo, 180) == nil)
        #expect(text("sys/class/pwm/pwmchip0/pwm1/duty_cycle") == "2000000")
        // After a failure everything again.
        try tree.remove("sys/class/pwm/pwmchip0/pwm1/duty_cycle")
        #expect(try set(servo, 0) == .sourceMissing)
        try tree.write("sys/class/pwm/pwmchip0/pwm1/duty_cycle", "")
        try tree.write("sys/class/pwm/pwmchip0/pwm1/enable", "")
        #expect(try set(servo, 0) == nil)
        #expect(text("sys/class/pwm/pwmchip0/pwm1/enable") == "1")
        let falling = try driver(#"{"type": "pulseWidth", "channel": 1, "period": 1000, "low": 1000, "high": 0}"#, #""type": "level", "maximum": 4"#)
        for (value, expected) in [(0, "1000"), (1, "750"), (4, "0")] as [(Int64, String)] {
            try tree.write("sys/class/pwm/pwmchip0/pwm1/duty_cycle", "")
            #expect(try set(falling, value) == nil)
            #expect(text("sys/class/pwm/pwmchip0/pwm1/duty_cycle") == expected)
        }
        // A channel that is not there is asked for.
        #expect(try set(driver(#"{"type": "pulseWidth", "period": 1000}"#), 1) == .sourceMissing)
        #expect(text("sys/class/pwm/pwmchip0/export") == "0")
    }

    @Test func attributes() throws {
        let path = tree.root + "/sys/state"
        let text: (ActuatorSource) throws -> ActuatorDriver = { [self] source in
            var actuator = try actuator(#"{"type": "simulator"}"#)
            actuator.source = source
            return ActuatorDriver(actuator, paths: tree.paths, loop: bench.loop, worker: bench.worker)
        }
        let words = try text(.attribute(path: path, .words(off: "disabled", on: "enabled")))
        #expect(try set(words, 1) == .sourceMissing, "nothing is made in sysfs")
        try tree.write("sys/state", "")
        #expect(try set(words, 1) == nil)
        #expect(self.text("sys/state") == "enabled")
        let microvolts = try text(.attribute(path: path, .number(Conversion(scale: Decimal(1_000_000), offset: Decimal(5)))))
        try tree.write("sys/state", "")
        #expect(try set(microvolts, 3) == nil)
        #expect(self.text("sys/state") == "3000005")
        let huge = try text(.attribute(path: path, .number(Conversion(scale: Decimal(1, exponent: 18), offset: Decimal(0)))))
        #expect(try set(huge, 10) == .outOfRange)
        try tree.write("sys/state", "")
        withFaults { $0 == "open" ? ErrorNumber.accessDenied : 0 } _: {
            // The worker is another thread, so this one runs the job itself.
            guard let setting = maud_setting_create() else { return }
            defer { maud_setting_free(setting) }
            _ = maud_setting_add(setting, path, "1", 1, Int32(MAUD_SETTING_IN_PLACE))
            let job = maud_setting_job(setting)
            job?.pointee.run(job)
            #expect(maud_setting_result(setting) == -ErrorNumber.accessDenied)
        }
    }

    @Test func file() throws {
        let path = tree.root + "/value"
        let level = try driver(#"{"type": "file", "path": "\#(path)", "scale": 0.5, "offset": 0.25}"#, #""type": "level", "maximum": 10"#)
        #expect(try set(level, 3) == nil)
        #expect(text("value") == "1.75\n")
        let inode = try Files.status(path)?.inode
        #expect(try set(level, 4) == nil)
        #expect(text("value") == "2.25\n")
        #expect(try Files.status(path)?.inode != inode, "replaced, not changed")
        let words = try driver(#"{"type": "file", "path": "\#(path)", "off": "closed", "on": "open"}"#)
        #expect(try set(words, 1) == nil)
        #expect(text("value") == "open\n")
        #expect(try set(driver(#"{"type": "file", "path": "\#(tree.root)/none/value"}"#), 1) == .sourceMissing)
        let left = try FileManager.default.contentsOfDirectory(atPath: tree.root).filter { $0.hasSuffix(".tmp") }
        #expect(left.isEmpty)
    }

    @Test func command() throws {
        let path = try tree.script("set", "read value; echo \"$1 $value\" > \(tree.root)/told; [ $value != 13 ]")
        let level = try driver(#"{"type": "command", "arguments": ["\#(path)", "a b"], "timeout": 20}"#, #""type": "level", "minimum": -1, "maximum": 20, "decimals": 1, "step": 0.5"#)
        #expect(try set(level, 25) == nil)
        #expect(text("told") == "a b 2.5\n")
        #expect(try set(level, -10) == nil)
        #expect(text("told") == "a b -1\n")
        #expect(try set(level, 130) == .exited(1))
        let silent = try driver(#"{"type": "command", "arguments": ["/bin/cat"], "timeout": 20}"#)
        #expect(try set(silent, 1) == nil, "what it prints does not matter")
        #expect(try set(driver(#"{"type": "command", "arguments": ["/nonexistent"]}"#), 1) == .sourceMissing)
        let slow = try tree.script("slow", "sleep 100")
        #expect(try set(driver(#"{"type": "command", "arguments": ["\#(slow)"], "timeout": 1}"#), 1) == .timedOut(1))
    }

    /// The chip is the fault hook's: the request succeeds, and setting the line.
    @Test func gpioLine() throws {
        guard let setting = maud_setting_create() else { throw SystemError(code: ErrorNumber.noMemory, call: "malloc") }
        defer { maud_setting_free(setting) }
        var calls: [String] = [], answers: [String: Int32] = [:]
        func run(_ value: Int32) -> Int32 {
            _ = maud_setting_line(setting, "/dev/gpiochip9", 17, true, value)
            withFaults({ call in
                guard call.hasPrefix("gpio") else { return 0 }
                calls.append(call)
                return answers[call] ?? -1
            }) {
                let job = maud_setting_job(setting)
                job?.pointee.run(job)
            }
            return maud_setting_result(setting)
        }
        #expect(run(1) == 0)
        #expect(calls == ["gpio_get_line"], "with its value already on it")
        #expect(run(0) == 0)
        #expect(calls == ["gpio_get_line", "gpio_set_values"])
        // The chip was unplugged: requested anew.
        answers = ["gpio_set_values": ErrorNumber.noDevice]
        calls = []
        #expect(run(1) == 0)
        #expect(calls == ["gpio_set_values", "gpio_get_line"])
        answers["gpio_get_line"] = ErrorNumber.notFound
        #expect(run(1) == -ErrorNumber.notFound)
        var octets = [UInt8](repeating: 0, count: 592)
        #expect(maud_setting_request_octets(setting, &octets, octets.count) == 592)
        // linux/gpio.h: offsets, consumer at 256, flags at 288 (output 8, active low 2), one attribute at 320 of 16 octets and its mask.
        #expect(octets[0] == 17 && Array(octets[256..<261]) == Array("maud\0".utf8))
        #expect(octets[288] == 0x0A && octets[296] == 1)
        #expect(maud_setting_request_octets(setting, &octets, 591) == 0)
    }

    @Test(arguments: [
        (#""type": "level""#, #"{"type": "gpioLine", "line": 1}"#), (#""type": "switch""#, #"{"type": "attribute", "path": "/tmp/x"}"#),
        (#""type": "switch""#, #"{"type": "file", "path": "/tmp/x", "off": "a"}"#), (#""type": "level""#, #"{"type": "file", "path": "/tmp/x", "off": "a", "on": "b"}"#),
        (#""type": "switch""#, #"{"type": "file", "path": "/tmp/x", "off": "a", "on": "b", "scale": 2}"#), (#""type": "switch""#, #"{"type": "file", "path": "x"}"#),
        (#""type": "switch""#, #"{"type": "pulseWidth"}"#), (#""type": "switch""#, #"{"type": "pulseWidth", "period": 10, "high": 11}"#),
        (#""type": "switch""#, #"{"type": "pulseWidth", "period": 10, "chip": "pwm0"}"#), (#""type": "switch""#, #"{"type": "command", "arguments": []}"#),
        (#""type": "switch""#, #"{"type": "relay"}"#), (#""type": "switch", "holdTime": 0"#, #"{"type": "simulator"}"#),
    ])
    func whatBoardJSONMustNotSay(_ keys: String, _ source: String) {
        #expect(throws: JSONError.self) { _ = try actuator(source, keys) }
    }
}
