import System

extension Board {
    /// What a node that may otherwise touch nothing must be allowed to use for this board, each once: character devices below /dev, files and
    /// directories that are written. What programs (`command`) need, nobody here knows.
    public var devicePaths: [String] {
        var paths: [String] = []
        for sensor in sensors {
            if case .gpioLine(let chip, _, _, _) = sensor.source { add("/dev/\(chip)", to: &paths) }
        }
        for actuator in actuators {
            switch actuator.source {
            case .gpioLine(let chip, _, _): add("/dev/\(chip)", to: &paths)
            case .led(let name): add("/sys/class/leds/\(name)", to: &paths)
            case .backlight(let name): add("/sys/class/backlight/\(name)", to: &paths)
            case .pulseWidth(let pulse): add("/sys/class/pwm/\(pulse.chip)", to: &paths)
            case .attribute(let path, _): add(path, to: &paths)
            case .file(let path, _): add(Board.directory(of: path), to: &paths)
            case .command, .simulator: break
            }
        }
        return paths
    }

    private func add(_ path: String, to paths: inout [String]) {
        if !paths.contains(where: { $0.utf8.elementsEqual(path.utf8) }) { paths.append(path) }
    }

    /// A file is replaced by renaming: its directory is written.
    private static func directory(of path: String) -> String {
        var octets = Array(path.utf8)
        while octets.count > 1, octets.removeLast() != 0x2F {}
        return octets.text
    }
}
