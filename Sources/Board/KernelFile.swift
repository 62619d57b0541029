import CLinux
import System

/// A small file of the kernel that is read again and again: opened once, then one `pread` a reading, nothing allocated.
///
/// When reading fails the device may have gone and come back, under another number even: the place is found anew once,
/// and at each later reading until it is there.
final class KernelFile {
    private let locate: () -> String?
    private var descriptor: Int32 = -1
    /// What was read: valid until the next reading.
    private let buffer: UnsafeMutableRawBufferPointer

    /// - Parameters:
    ///   - limit: octets that are read at most.
    ///   - locate: the path, or nil while there is no such device.
    init(limit: Int, locate: @escaping () -> String?) {
        self.locate = locate
        buffer = .allocate(byteCount: limit, alignment: 8)
    }

    deinit {
        close()
        buffer.deallocate()
    }

    var isPresent: Bool { locate().map(DeviceSearch.exists) ?? false }

    private func close() {
        if descriptor >= 0 { _ = maud_close(descriptor) }
        descriptor = -1
    }

    /// The file's first octets, as they are now.
    func read() throws(SensorFault) -> UnsafeRawBufferPointer {
        if descriptor >= 0 {
            let count = maud_pread(descriptor, buffer.baseAddress, buffer.count, 0)
            if count >= 0 { return UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
            close()
        }
        guard let path = locate() else { throw .sourceMissing }
        let opened = maud_openat(Files.currentDirectory, path, Int32(MAUD_READ | MAUD_NONBLOCK), 0)
        if opened < 0 { throw SensorFault(errorNumber: -opened) }
        descriptor = opened
        let count = maud_pread(descriptor, buffer.baseAddress, buffer.count, 0)
        if count >= 0 { return UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
        close()
        throw SensorFault(errorNumber: Int32(-count))
    }
}
