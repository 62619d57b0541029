import CGPGME
import CLinux
import EventLoop
import System

/// One descriptor that GPGME wants watched.
private final class Watch {
    unowned(unsafe) let engine: Engine
    let descriptor: Int32
    init(_ engine: Engine, _ descriptor: Int32) {
        self.engine = engine
        self.descriptor = descriptor
    }
}

extension Engine {
    /// Makes the event loop GPGME's: it adds and removes descriptors, and tells when an operation is done.
    func connect(_ context: gpgme_ctx_t) {
        let me = Unmanaged.passUnretained(self).toOpaque()
        ioCallbacks.pointee = gpgme_io_cbs(add: addDescriptor, add_priv: me, remove: removeDescriptor, event: takeEvent, event_priv: me)
        gpgme_set_io_cbs(context, ioCallbacks)
        gpgme_set_ctx_flag(context, "full-status", "1")
        gpgme_set_status_cb(context, takeStatus, me)
        gpgme_set_pinentry_mode(context, GPGME_PINENTRY_MODE_LOOPBACK)
        gpgme_set_passphrase_cb(context, givePassphrase, me)
    }
}

private func engine(_ context: UnsafeMutableRawPointer) -> Engine { Unmanaged<Engine>.fromOpaque(context).takeUnretainedValue() }

private func addDescriptor(_ context: UnsafeMutableRawPointer?, _ descriptor: Int32, _ isInput: Int32, _ call: gpgme_io_cb_t?,
                           _ argument: UnsafeMutableRawPointer?, _ tag: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> gpgme_error_t {
    guard let context, let call, let tag else { return GPG_ERR_INV_ARG.rawValue }
    let engine = engine(context)
    let interest: EventLoop.Interest = isInput != 0 ? .read : .write
    do throws(SystemError) {
        try engine.loop.add(descriptor, interest) { [unowned(unsafe) engine] _ in
            _ = call(argument, descriptor)
            engine.finishIfDone()
        }
    } catch { return GPG_ERR_GENERAL.rawValue }
    tag.pointee = Unmanaged.passRetained(Watch(engine, descriptor)).toOpaque()
    return 0
}

private func removeDescriptor(_ tag: UnsafeMutableRawPointer?) {
    guard let tag else { return }
    let watch = Unmanaged<Watch>.fromOpaque(tag).takeRetainedValue()
    watch.engine.loop.remove(watch.descriptor)
}

private func takeEvent(_ context: UnsafeMutableRawPointer?, _ event: gpgme_event_io_t, _ data: UnsafeMutableRawPointer?) {
    guard let context else { return }
    let engine = engine(context)
    if event == GPGME_EVENT_DONE {
        guard let done = data?.assumingMemoryBound(to: gpgme_io_event_done_data.self) else { return }
        engine.isDone(done.pointee.err != 0 ? done.pointee.err : done.pointee.op_err)
    } else if event == GPGME_EVENT_NEXT_KEY, let data {
        engine.takeKey(data.assumingMemoryBound(to: _gpgme_key.self))
    }
}

extension Engine {
    /// Takes a key object that a listing gave, with its reference.
    fileprivate func takeKey(_ key: gpgme_key_t) {
        if let current, current.keys.count < Bounds.friends {
            if let description = KeyDescription(key) { current.keys.append(description) }
            if current.keepsKeyObject, current.keyObject == nil {
                current.keyObject = key
                return
            }
        }
        gpgme_key_unref(key)
    }
}

private func takeStatus(_ context: UnsafeMutableRawPointer?, _ keyword: UnsafePointer<CChar>?, _ arguments: UnsafePointer<CChar>?) -> gpgme_error_t {
    guard let context, let keyword, let arguments else { return 0 }
    engine(context).current?.report.take(keyword, arguments)
    return 0
}

/// Writes the passphrase straight from locked memory to gpg's descriptor.
private func givePassphrase(_ context: UnsafeMutableRawPointer?, _ hint: UnsafePointer<CChar>?, _ info: UnsafePointer<CChar>?,
                            _ wasBad: Int32, _ descriptor: Int32) -> gpgme_error_t {
    guard let context else { return GPG_ERR_CANCELED.rawValue }
    let engine = engine(context)
    guard wasBad == 0, let passphrase = engine.current?.nextPassphrase() ?? engine.keyPassphrase else { return GPG_ERR_CANCELED.rawValue }
    var newline: UInt8 = 0x0A
    let written = passphrase.withBytes { gpgme_io_writen(descriptor, $0.baseAddress, $0.count) }
    return written == 0 && gpgme_io_writen(descriptor, &newline, 1) == 0 ? 0 : GPG_ERR_CANCELED.rawValue
}
