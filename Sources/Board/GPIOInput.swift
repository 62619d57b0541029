import CLinux
import System

/// A GPIO line as input: requested once from its chip, then one ioctl a reading (Documentation/userspace-api/gpio).
final class GPIOInput {
    private let path: String
    private let line: UInt32
    private let activeLow: Bool
    private let bias: Int32
    private var descriptor: Int32 = -1

    init(chip: String, line: Int, activeLow: Bool, bias: GPIOBias, paths: SensorPaths) {
        path = joined(paths.dev, "/", chip)
        self.line = UInt32(line)
        self.activeLow = activeLow
        self.bias = switch bias {
        case .none: Int32(MAUD_GPIO_BIAS_NONE)
        case .pullUp: Int32(MAUD_GPIO_PULL_UP)
        case .pullDown: Int32(MAUD_GPIO_PULL_DOWN)
        }
    }

    deinit { close() }

    var isPresent: Bool { DeviceSearch.exists(path) }

    private func close() {
        if descriptor >= 0 { _ = maud_close(descriptor) }
        descriptor = -1
    }

    /// 0 or 1. A line whose chip was unplugged is requested anew, once a reading.
    func read() throws(SensorFault) -> Decimal {
        if descriptor >= 0 {
            let value = maud_gpio_read(descriptor)
            if value >= 0 { return Decimal(Int64(value)) }
            close()
        }
        let opened = maud_gpio_open_input(path, line, activeLow, bias)
        if opened < 0 { throw SensorFault(errorNumber: -opened) }
        descriptor = opened
        let value = maud_gpio_read(descriptor)
        if value >= 0 { return Decimal(Int64(value)) }
        close()
        throw SensorFault(errorNumber: -value)
    }
}
