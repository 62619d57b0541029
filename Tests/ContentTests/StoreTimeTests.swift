import CLinux
import OpenPGP
import System
import Testing
@testable import Content

/// How often a file's time can be set before that fails.
private nonisolated(unsafe) var timesLeft = 0

extension StoreTests {
    /// Modification times rise in order of publication, whatever the clock does.
    @Suite struct StoreTimeTests {
        private func times(_ directory: Directory) -> [Int64] {
            var times: [Int64] = []
            directory.forEach { times.append($1.modificationTime); return true }
            return times
        }
        private func isRising(_ times: [Int64]) -> Bool { zip(times, times.dropFirst()).allSatisfy { $0 < $1 } }

        @Test func theClockStandsStillAndGoesBack() throws {
            let kernel = SimulatedClock()
            kernel.realtime = 2_000_000_000 * second
            let shop = try Workshop(kernel: kernel, floor: 1_000_000_000 * second)
            let directory = try shop.started()
            var names: [String] = []
            for number in 0..<9 {
                if number == 4 { kernel.realtime -= 3600 * second }
                if number == 7 { kernel.realtime += 7200 * second }
                names.append("\(9 - number).pgp")
                try shop.put(names[number], signed("\(number)"))
            }
            #expect(directory.listing == names)
            #expect(isRising(times(directory)))
            // On the disk too.
            let onDisk = try names.map { try #require(try Files.status(shop.own + "/" + $0)).modification_time }
            #expect(onDisk == times(directory))
        }

        @Test func arrivalsGetATimeOfTheirOwn() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let first = try shop.put("a.pgp", signed("a"))
            // Older than what is known, as cp -p leaves it.
            try Files.write(signed("b"), to: shop.own + "/.b")
            setTime(shop.own + "/.b", 1_000_000_000 * second)
            _ = maud_renameat(Files.currentDirectory, shop.own + "/.b", Files.currentDirectory, shop.own + "/b.pgp")
            try shop.settled()
            let arrived = try #require(directory.entry("b.pgp"))
            #expect(arrived.modificationTime > first.modificationTime)
            #expect(try Files.status(shop.own + "/b.pgp")?.modification_time == arrived.modificationTime)
            // From the future: it would make everything after it look new for ever.
            try Files.write(signed("c"), to: shop.own + "/.c")
            setTime(shop.own + "/.c", 4_000_000_000 * second)
            _ = maud_renameat(Files.currentDirectory, shop.own + "/.c", Files.currentDirectory, shop.own + "/c.pgp")
            try shop.settled()
            try shop.put("d.pgp", signed("d"))
            #expect(directory.listing == ["a.pgp", "b.pgp", "c.pgp", "d.pgp"])
            #expect(times(directory).allSatisfy { $0 < 4_000_000_000 * second })
            // Only looking at it does not make it new.
            let before = times(directory)
            _ = maud_close(try FileDescriptor.open(shop.own + "/b.pgp", [.read, .write]).release())
            _ = maud_chmodat(Files.currentDirectory, shop.own + "/b.pgp", 0o640)
            try shop.settled()
            #expect(times(directory) == before)
        }

        @Test func whenTheClockIsSetThisBootsFilesGetNewTimesInTheSameOrder() throws {
            let kernel = SimulatedClock()
            // The floor lies a day ahead of the kernel, which thinks it is now: the clock is unset.
            let floor = maud_realtime() + 86_400 * second
            kernel.realtime = floor - 86_400 * second
            let shop = try Workshop(kernel: kernel, floor: floor) { root in
                try Files.makeDirectory(root + "/" + gina.description)
                try Files.write(signed("before"), to: root + "/" + gina.description + "/before.pgp")
            }
            let directory = try shop.started()
            let old = try #require(directory.entry("before.pgp")).modificationTime
            for name in ["z", "m", "a"] {
                kernel.sinceBoot += second
                try shop.put(name + ".pgp", signed(name))
            }
            #expect(times(directory)[1...].allSatisfy { $0 > floor })
            #expect(directory.entry("before.pgp")?.isTimed == true && directory.entry("z.pgp")?.isTimed == false)
            let generation = directory.generation
            kernel.realtime = floor + 10 * 86_400 * second
            var told = 0
            shop.store.restamped = { told += 1 }
            shop.store.restamp()
            try shop.settled()
            #expect(told == 1)
            #expect(directory.listing == ["before.pgp", "z.pgp", "m.pgp", "a.pgp"])
            #expect(directory.entry("before.pgp")?.modificationTime == old)
            #expect(times(directory)[1...].allSatisfy { $0 >= kernel.realtime })
            #expect(isRising(times(directory)))
            #expect(directory.generation != generation)
            #expect(try Files.status(shop.own + "/z.pgp")?.modification_time == directory.entry("z.pgp")?.modificationTime)
            try shop.put("later.pgp", signed("later"))
            #expect(directory.listing.last == "later.pgp")
            #expect(isRising(times(directory)))
            #expect(shop.store.counters.examined == 1)
        }

        /// One file by a clock that was years ahead makes all later ones newer still, until somebody answers for the clock.
        @Test(arguments: [false, true]) func timesAheadOfAClockThatIsBelievedAreTakenBack(isRestarted: Bool) throws {
            let kernel = SimulatedClock()
            // All in the past: the kernel's own clock, which makes change times, takes no part.
            let years = 8 * 365 * 86_400 * second, now = maud_realtime() - 2 * years
            kernel.realtime = now
            let shop = try Workshop(kernel: kernel, floor: now - 86_400 * second)
            var directory = try shop.started()
            try shop.put("z.pgp", signed("z"))
            let old = times(directory)
            kernel.realtime = now + years
            for name in ["m", "a"] { try shop.put(name + ".pgp", signed(name)) }
            kernel.realtime = now + 60 * second
            try shop.put("b.pgp", signed("b"))
            #expect(times(directory)[1...].allSatisfy { $0 >= now + years })
            if isRestarted {
                try shop.restart(cleanly: false)
                directory = try shop.started()
            }
            let (generation, far) = (directory.generation, times(directory))
            shop.store.restamp()
            try shop.settled()
            #expect(times(directory) == far, "nobody has answered for the clock")
            shop.store.takeTimesBack()
            try shop.settled()
            #expect(directory.listing == ["z.pgp", "m.pgp", "a.pgp", "b.pgp"])
            #expect(isRising(times(directory)) && times(directory)[0] == old[0])
            #expect(times(directory)[1...].allSatisfy { $0 >= kernel.realtime && $0 < kernel.realtime + second })
            #expect(try Files.status(shop.own + "/b.pgp")?.modification_time == times(directory)[3])
            #expect(directory.generation != generation)
            kernel.realtime += second
            try shop.put("c.pgp", signed("c"))
            #expect(times(directory)[4] == kernel.realtime && directory.listing.last == "c.pgp")
            // Nothing is left to do, and nothing is written.
            let after = times(directory)
            shop.store.takeTimesBack()
            try shop.settled()
            #expect(times(directory) == after)
        }

        /// Cut after any number of files: the order is that of publication, and the next start does the rest.
        @Test func theOrderHoldsWhenItIsCut() throws {
            for cut in 0..<4 {
                let kernel = SimulatedClock()
                let years = 365 * 86_400 * second, now = maud_realtime() - 2 * years
                kernel.realtime = now
                let shop = try Workshop(kernel: kernel, floor: now - 86_400 * second)
                var directory = try shop.started()
                kernel.realtime = now + years
                for name in ["d", "a", "c", "b"] { try shop.put(name + ".pgp", signed(name)) }
                kernel.realtime = now + 60 * second
                timesLeft = cut
                maud_set_fault({ call, _ in
                    guard let call, String(cString: call) == "utimensat" else { return 0 }
                    timesLeft -= 1
                    return timesLeft < 0 ? ErrorNumber.inputOutput : 0
                }, nil)
                shop.store.takeTimesBack()
                try shop.settled()
                maud_set_fault(nil, nil)
                #expect(times(directory).filter { $0 < now + years }.count == cut)
                #expect(directory.listing == ["d.pgp", "a.pgp", "c.pgp", "b.pgp"])
                try shop.restart(cleanly: false)
                directory = try shop.started()
                #expect(directory.listing == ["d.pgp", "a.pgp", "c.pgp", "b.pgp"])
                shop.store.takeTimesBack()
                try shop.settled()
                #expect(directory.listing == ["d.pgp", "a.pgp", "c.pgp", "b.pgp"] && times(directory).allSatisfy { $0 < now + years })
            }
        }

        @Test func filesInTheOrderOfTheirNames() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            for name in ["r-b-2", "r-a-10", "z", "r-b-1", "a"] { try shop.put(name + ".pgp", signed(name)) }
            var names: [String] = []
            Array("r-".utf8).withUnsafeBytes { directory.forEachNamed(from: $0) { name, entry in
                names.append(String(decoding: name, as: UTF8.self))
                return names.count < 4 && entry.isTimed
            } }
            #expect(names == ["r-a-10.pgp", "r-b-1.pgp", "r-b-2.pgp", "z.pgp"])
        }

        @Test func filesOfAnEarlierProcessWithAnUnsetClockAreFoundByTheirTimes() throws {
            let kernel = SimulatedClock()
            let floor = maud_realtime() + 86_400 * second
            kernel.realtime = floor - 86_400 * second
            let shop = try Workshop(kernel: kernel, floor: floor)
            try shop.started()
            for name in ["b", "a"] { kernel.sinceBoot += second; try shop.put(name + ".pgp", signed(name)) }
            // Killed; the clock is set before the next start.
            kernel.realtime = floor + 2 * 86_400 * second
            try shop.restart(cleanly: false)
            let directory = try shop.started()
            #expect(directory.listing == ["b.pgp", "a.pgp"])
            #expect(times(directory).allSatisfy { $0 >= kernel.realtime })
        }

        @Test func pagesAndDates() throws {
            let kernel = SimulatedClock()
            kernel.realtime = 2_000_000_000 * second
            let shop = try Workshop(kernel: kernel)
            let directory = try shop.started()
            for number in 0..<10 { kernel.realtime += second; try shop.put("\(number).pgp", signed("\(number)")) }
            func page(_ after: Cursor?, _ since: Int64 = .min, _ limit: Int) -> ([String], Cursor?) {
                var names: [String] = [], last: Cursor?
                directory.forEach(after: after, since: since, limit: limit) { names.append(String(decoding: $0, as: UTF8.self)); last = $1.cursor; return true }
                return (names, last)
            }
            let (first, cursor) = page(nil, .min, 4)
            #expect(first == (0..<4).map { "\($0).pgp" })
            let (next, end) = page(cursor, .min, 4)
            #expect(next == (4..<8).map { "\($0).pgp" })
            // The place in the listing stays when the file it was at is gone.
            shop.store.remove([try FileName("7.pgp")]) { _ in }
            try shop.settled()
            #expect(page(end, .min, 4).0 == ["8.pgp", "9.pgp"])
            // Inclusive: a file of exactly that second is told again.
            #expect(page(nil, 2_000_000_009 * second, 100).0 == ["8.pgp", "9.pgp"])
            #expect(page(nil, 2_000_000_009 * second + 1, 100).0 == ["9.pgp"])
            #expect(page(nil, .max, 100).0 == [])
            #expect(page(cursor, 2_000_000_010 * second, 100).0 == ["9.pgp"])
        }
    }
}
