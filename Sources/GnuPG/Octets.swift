import CGPGME
import CLinux
import System

/// What gpg reads or writes: ordinary octets, or a secret that must stay in locked memory.
public enum Octets {
    case plain([UInt8])
    case secret(LockedMemory)
    /// An open file of so many octets; the descriptor stays open until the operation is over.
    case file(descriptor: Int32, count: Int)
}

/// The octets that one operation hands to gpg. GPGME reads them where they are; nothing is copied as a whole.
final class DataSource {
    private let octets: Octets
    private var position = 0
    private let callbacks = makeCallbacks(isSource: true)
    private(set) var handle: gpgme_data_t?

    /// The handle is nil, and every operation with it refused, when there is no memory.
    init(_ octets: Octets) {
        self.octets = octets
        gpgme_data_new_from_cbs(&handle, callbacks, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Must not run while an operation uses the handle.
    deinit {
        gpgme_data_release(handle)
        callbacks.deallocate()
    }

    fileprivate func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        func copy(_ all: UnsafeRawBufferPointer) -> Int {
            let count = min(buffer.count, all.count - position)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[position..<position + count]))
            position += count
            return count
        }
        switch octets {
        case .plain(let array): return array.withUnsafeBytes(copy)
        case .secret(let memory): return memory.withBytes(copy)
        case .file(let descriptor, let count):
            let read = maud_pread(descriptor, buffer.baseAddress, min(buffer.count, count - position), Int64(position))
            if read > 0 { position += read }
            return read >= 0 ? read : -1
        }
    }
}

/// Where gpg's output goes: an array up to a limit, or locked memory.
final class DataSink {
    /// The output, when it is not secret.
    private(set) var octets: [UInt8] = []
    private let secret: LockedMemory?
    private let limit: Int
    private let isDiscarded: Bool
    /// Octets that were discarded.
    private(set) var count = 0
    /// gpg gave more than fits; the operation was cut off.
    private(set) var isOverfull = false
    private let callbacks = makeCallbacks(isSource: false)
    private(set) var handle: gpgme_data_t?

    /// - Parameter isDiscarded: the output is only counted.
    init(limit: Int, secret: LockedMemory? = nil, isDiscarded: Bool = false) {
        self.isDiscarded = isDiscarded
        self.limit = limit
        self.secret = secret
        gpgme_data_new_from_cbs(&handle, callbacks, Unmanaged.passUnretained(self).toOpaque())
        // GPGME then wipes the buffer through which the octets pass.
        if secret != nil { gpgme_data_set_flag(handle, "sensitive", "1") }
    }

    /// Must not run while an operation uses the handle.
    deinit {
        gpgme_data_release(handle)
        callbacks.deallocate()
    }

    /// Gives the octets away without a copy.
    func takeOctets() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &octets)
        return taken
    }

    fileprivate func write(_ buffer: UnsafeRawBufferPointer) -> Int {
        if let secret {
            if secret.append(buffer) { return buffer.count }
        } else if isDiscarded {
            count += buffer.count
            if count <= limit { return buffer.count }
        } else if octets.count + buffer.count <= limit {
            octets.append(contentsOf: buffer)
            return buffer.count
        }
        isOverfull = true
        return -1
    }
}

/// The functions of one data object. GPGME keeps a pointer to them as long as the object lives.
private func makeCallbacks(isSource: Bool) -> UnsafeMutablePointer<gpgme_data_cbs> {
    let callbacks = UnsafeMutablePointer<gpgme_data_cbs>.allocate(capacity: 1)
    callbacks.initialize(to: gpgme_data_cbs(read: nil, write: nil, seek: nil, release: nil))
    if isSource {
        callbacks.pointee.read = { context, buffer, count in
            guard let context, let buffer else { return -1 }
            return Unmanaged<DataSource>.fromOpaque(context).takeUnretainedValue().read(UnsafeMutableRawBufferPointer(start: buffer, count: count))
        }
    } else {
        callbacks.pointee.write = { context, buffer, count in
            guard let context, let buffer else { return -1 }
            return Unmanaged<DataSink>.fromOpaque(context).takeUnretainedValue().write(UnsafeRawBufferPointer(start: buffer, count: count))
        }
    }
    return callbacks
}
