import System

/// Where the kernel's files are; tests make a tree of their own.
public struct SensorPaths: Sendable {
    public var sys: String
    public var proc: String
    public var dev: String

    public init(sys: String = "/sys", proc: String = "/proc", dev: String = "/dev") {
        self.sys = sys
        self.proc = proc
        self.dev = dev
    }
}

/// Parts of a path, one after the other. Not interpolation, which takes a kilobyte each time.
@inline(never)
func joined(_ a: String, _ b: StaticString, _ c: String = "", _ d: StaticString = "") -> String {
    var octets = Array(a.utf8)
    octets.append(b)
    octets.append(contentsOf: c.utf8)
    octets.append(d)
    return octets.text
}

/// Devices of a class in sysfs, found by what one of their files says: numbers change from boot to boot.
enum DeviceSearch {
    /// The path of the device `prefix`N in `directory` with the least N whose file `attribute` holds `name`; nil without one.
    static func find(_ name: String, attribute: StaticString, prefix: StaticString, in directory: String) -> String? {
        var found: (number: Int, path: String)?
        do throws(SystemError) {
            let list = try FileDescriptor.open(directory, [.read, .directory])
            try Files.forEachName(inDirectory: list.rawValue) { (entry) throws(SystemError) in
                let entry = String(cString: entry)
                guard let number = number(of: entry, prefix: prefix), number < found?.number ?? Int.max else { return true }
                let path = joined(directory, "/", entry)
                if has(joined(joined(path, "/"), attribute), name) { found = (number, path) }
                return true
            }
        } catch { return nil }
        return found?.path
    }

    private static func number(of entry: String, prefix: StaticString) -> Int? {
        let octets = Array(entry.utf8), count = prefix.utf8CodeUnitCount
        guard octets.count > count, octets.count <= count + 6, octets.starts(with: [UInt8](prefix)) else { return nil }
        var number = 0
        for octet in octets[count...] {
            guard isDigit(octet) else { return nil }
            number = number * 10 + Int(octet - 0x30)
        }
        return number
    }

    /// Whether a file holds exactly this line.
    private static func has(_ path: String, _ line: String) -> Bool {
        guard var text = try? Files.read(path, limit: 4096) else { return false }
        while text.last == 0x0A { text.removeLast() }
        return text.elementsEqual(line.utf8)
    }

    static func exists(_ path: String) -> Bool { (try? Files.status(path)).flatMap { $0 } != nil }
}
