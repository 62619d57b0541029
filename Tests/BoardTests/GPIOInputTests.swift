@testable import Board
import CLinux
import EventLoop
import System
import TestSupport
import Testing

@Suite struct GPIOInputTests {
    private let tree: FakeTree
    private let bench: Bench
    init() throws {
        tree = try FakeTree()
        bench = try Bench()
    }

    private func reader() -> SensorReader {
        SensorReader(makeSensor(.gpioLine(chip: "gpiochip0", line: 17, activeLow: true, bias: .pullUp), decimals: 0), paths: tree.paths, loop: bench.loop)
    }

    /// struct gpio_v2_line_request as Documentation/userspace-api/gpio and linux/gpio.h lay it out.
    @Test func theRequestIsTheKernels() {
        var octets = [UInt8](repeating: 0xFF, count: 600)
        #expect(maud_gpio_request_octets(17, true, Int32(MAUD_GPIO_PULL_UP), &octets, octets.count) == 592)
        func word(_ offset: Int) -> UInt32 { octets.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) } }
        #expect(word(0) == 17 && word(4) == 0)                          // offsets[64]
        #expect(Array(octets[256..<261]) == Array("maud\0".utf8))       // consumer[32]
        #expect(word(288) == 1 << 1 | 1 << 2 | 1 << 8 && word(292) == 0) // config.flags: active low, input, pull-up
        #expect(word(296) == 0)                                         // config.num_attrs
        #expect(word(560) == 1)                                         // num_lines
        #expect(word(564) == 0 && word(588) == 0)                       // event_buffer_size, fd
        _ = maud_gpio_request_octets(0, false, Int32(MAUD_GPIO_PULL_DOWN), &octets, octets.count)
        #expect(word(288) == 1 << 2 | 1 << 9)
        _ = maud_gpio_request_octets(0, false, Int32(MAUD_GPIO_BIAS_NONE), &octets, octets.count)
        #expect(word(288) == 1 << 2)
        #expect(maud_gpio_request_octets(0, false, 0, &octets, 591) == 0)
    }

    @Test func aLineIsRequestedOnceAndRead() throws {
        let reader = reader()
        var requests = 0, value: Int32 = 1
        try withFaults({ call in
            if call == "gpio_get_line" { requests += 1; return -1 }
            return call == "gpio_get_values" ? -1 - value : 0
        }) { () throws in
            #expect(try bench.read(reader) == .success(1))
            value = 0
            #expect(try bench.read(reader) == .success(0))
            #expect(requests == 1)
        }
    }

    @Test func aChipThatGoesAndComesBack() throws {
        let reader = reader()
        var code: Int32 = -2, line: Int32 = -1
        try withFaults({ $0 == "gpio_get_line" ? line : $0 == "gpio_get_values" ? code : 0 }) { () throws in
            #expect(try bench.read(reader) == .success(1))
            code = ErrorNumber.noDevice
            #expect(try bench.read(reader) == .failure(.sourceMissing))
            line = ErrorNumber.notFound
            #expect(try bench.read(reader) == .failure(.sourceMissing))
            line = 16 // EBUSY: another program has the line
            #expect(try bench.read(reader) == .failure(.sourceFailed(16)))
            line = -1
            code = -1
            #expect(try bench.read(reader) == .success(0))
        }
    }

    @Test func withoutAChip() throws {
        #expect(try bench.read(reader()) == .failure(.sourceMissing))
        #expect(!reader().isPresent)
        try tree.write("dev/gpiochip0", "")
        #expect(reader().isPresent)
        // A file is no GPIO chip: the kernel refuses the ioctl.
        #expect(try bench.read(reader()) == .failure(.sourceFailed(25)))
    }
}
