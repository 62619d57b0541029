import CLinux
import EventLoop
import System

/// A command whose output begins with the reading, or that sets an actuator: run without a shell, in a process group of its own, with its output
/// in a pipe on the loop.
///
/// It ends when the process exits, not when it closes its output. After `seconds`, or after `Bounds.readingText` octets,
/// the whole group is killed; what it leaves running in its group when it exits is killed too. Only when the process was
/// reaped can the next reading begin.
final class CommandSource {
    private static let killSignal: Int32 = 9

    private let arguments: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let count: Int
    private let path: String
    private let seconds: Int
    private let conversion: Conversion
    private let loop: EventLoop
    private lazy var timeout = Timer { [unowned(unsafe) self] in give(up: fault ?? .timedOut(seconds)) }

    private var process: Int32 = -1
    private var exitDescriptor: Int32 = -1
    private var output: Int32 = -1
    private var printed = 0
    private var start: [UInt8] = []
    /// It sets something: what it prints does not matter.
    private var isSetting = false
    /// Why it was killed, while it is not reaped yet.
    private var fault: SensorFault?
    /// Called once a reading; nil when it was called already.
    private var completion: ((Result<Decimal, SensorFault>) -> Void)?

    init(arguments words: [String], seconds: Int, conversion: Conversion, loop: EventLoop) {
        count = words.count
        arguments = .allocate(capacity: words.count + 1)
        for (index, word) in words.enumerated() { arguments[index] = CommandSource.copy(word) }
        arguments[words.count] = nil
        path = words.first ?? ""
        self.seconds = seconds
        self.conversion = conversion
        self.loop = loop
    }

    deinit {
        stop()
        for index in 0..<count { arguments[index]?.deallocate() }
        arguments.deallocate()
    }

    private static func copy(_ word: String) -> UnsafePointer<CChar> {
        let octets = Array(word.utf8)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: octets.count + 1)
        for (index, octet) in octets.enumerated() { copy[index] = CChar(truncatingIfNeeded: octet) }
        copy[octets.count] = 0
        return UnsafePointer(copy)
    }

    var isPresent: Bool { DeviceSearch.exists(path) }

    /// Whether a process runs or was not reaped yet.
    var isRunning: Bool { process >= 0 }

    /// What a reading is that is due meanwhile: left out, or timed out when not even SIGKILL has ended the process.
    func beBusy() throws(SensorFault) -> SensorReader.Beginning {
        if completion == nil { throw .timedOut(seconds) }
        return .busy
    }

    /// Starts it; `completion` is called by the loop, never from here. What fails at once is thrown.
    ///
    /// - Parameter input: what it finds on its standard input; empty: nothing.
    func run(input: [UInt8] = [], _ completion: @escaping (Result<Decimal, SensorFault>) -> Void) throws(SensorFault) {
        try requireExecutable()
        let pid = input.withUnsafeBytes { maud_spawn_with_input(arguments, input.isEmpty ? nil : $0.baseAddress, $0.count, &output) }
        if pid < 0 { throw .sourceFailed(-pid) }
        process = pid
        isSetting = !input.isEmpty
        fault = nil
        printed = 0
        start.removeAll(keepingCapacity: true)
        do throws(SystemError) {
            exitDescriptor = try check(maud_pidfd_open(pid), "pidfd_open")
            try loop.add(exitDescriptor, .read) { [unowned(unsafe) self] _ in exited() }
            try loop.add(output, .read) { [unowned(unsafe) self] _ in readOutput() }
        } catch {
            stop()
            throw .sourceFailed(error.code)
        }
        self.completion = completion
        loop.schedule(timeout, after: Int64(seconds) * nanosecondsPerSecond)
    }

    /// Told apart here because a child can only say 127.
    private func requireExecutable() throws(SensorFault) {
        var status = maud_status()
        let result = maud_statat(Files.currentDirectory, path, true, &status)
        if result < 0 { throw SensorFault(errorNumber: -result) }
        if status.kind != UInt32(MAUD_FILE_REGULAR) || status.mode & 0o111 == 0 { throw .accessDenied }
    }

    // MARK: What the loop reports

    private func readOutput() {
        while output >= 0 {
            let got = withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { (buffer) -> Int in
                let got = maud_read(output, buffer.baseAddress, buffer.count)
                if got > 0 { start.append(contentsOf: buffer[..<min(got, Bounds.readingStart - start.count)]) }
                return got
            }
            if got == -Int(ErrorNumber.again) { return }
            if got <= 0 { return closeOutput() }
            printed += got
            if printed > Bounds.readingText, !isSetting { return give(up: .tooMuchOutput) }
        }
    }

    private func exited() {
        readOutput()
        // While the leader is not reaped its number is no other group's.
        _ = maud_kill(-process, CommandSource.killSignal)
        let status = maud_wait_no_hang(process)
        if status == -ErrorNumber.again { return }
        process = -1
        closeOutput()
        closeExitDescriptor()
        loop.cancel(timeout)
        finish(fault.map { .failure($0) } ?? result(of: Int(status)))
    }

    private func result(of status: Int) -> Result<Decimal, SensorFault> {
        if status < 0 { return .failure(.sourceFailed(Int32(-status))) }
        if status > 255 { return .failure(.killed(status - 256)) }
        if status > 0 { return .failure(.exited(status)) }
        guard let number = start.withUnsafeBytes({ Decimal(leading: $0) }) else { return .failure(.malformedValue) }
        return .success(number * conversion.scale + conversion.offset)
    }

    /// The reading failed; the process is reaped when its end is reported. A setting has failed only then, because the next one, to the safe
    /// state, cannot begin before; but a process that not even SIGKILL ends is not waited for.
    private func give(up fault: SensorFault) {
        _ = maud_kill(-process, CommandSource.killSignal)
        closeOutput()
        loop.cancel(timeout)
        guard isSetting, self.fault == nil else { return finish(.failure(fault)) }
        self.fault = fault
        loop.schedule(timeout, after: nanosecondsPerSecond)
    }

    /// Kills what runs: it has failed.
    func interrupt() { if isRunning, completion != nil, fault == nil { give(up: .killed(Int(CommandSource.killSignal))) } }

    private func finish(_ result: Result<Decimal, SensorFault>) {
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }

    private func closeOutput() {
        guard output >= 0 else { return }
        loop.remove(output)
        _ = maud_close(output)
        output = -1
    }

    private func closeExitDescriptor() {
        guard exitDescriptor >= 0 else { return }
        loop.remove(exitDescriptor)
        _ = maud_close(exitDescriptor)
        exitDescriptor = -1
    }

    /// Kills and reaps what runs; its completion is not called.
    func stop() {
        completion = nil
        closeOutput()
        closeExitDescriptor()
        loop.cancel(timeout)
        guard process >= 0 else { return }
        _ = maud_kill(-process, CommandSource.killSignal)
        _ = maud_wait(process)
        process = -1
    }
}
