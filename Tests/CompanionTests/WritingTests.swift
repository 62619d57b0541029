import JSON
import OpenPGP
import System
import Testing
@testable import Companion

/// Plots, tables, comma-separated values: what people and other programs are given.
@Suite struct WritingTests {
    // MARK: Plots

    @Test func aPlotIsAsHighAsItsValues() {
        #expect(Plot.line([0, 1, 2, 3, 4, 5, 6, 7], width: 8) == "▁▂▃▄▅▆▇█")
        #expect(Plot.line([7, 0], width: 8) == "█▁")
        #expect(Plot.line([-1, 0, 1], width: 8) == "▁▅█")
    }

    @Test func aPlotHasGapsAndAWidth() {
        #expect(Plot.line([0, nil, 7], width: 8) == "▁ █")
        #expect(Plot.line([9, 9, 0, 7], width: 2) == "▁█")
        #expect(Plot.line([5, 5, 5], width: 8) == "▅▅▅")
        #expect(Plot.line([nil, nil], width: 8) == "  ")
        #expect(Plot.line([], width: 8) == "")
        #expect(Plot.line([1, 2], width: -3) == "")
    }

    @Test func aPlotUsesTheCharactersThatThereAre() {
        #expect(Plot.Style.of(locale: "de_DE.UTF-8") == .blocks)
        #expect(Plot.Style.of(locale: "C.utf8") == .blocks)
        #expect(Plot.Style.of(locale: "C") == .ascii)
        #expect(Plot.Style.of(locale: nil) == .ascii)
        #expect(Plot.line([0, 1], width: 2, style: .ascii) == "_#")
    }

    // MARK: Tables

    @Test func columnsAreAsWideAsTheirWidestCell() {
        var table = Table(["device", "value"])
        table.add(["Greenhouse north", "21 °C"])
        table.add(["x", "1"])
        #expect(table.lines == ["DEVICE            VALUE", "Greenhouse north  21 °C", "x                 1"])
    }

    @Test func namesFromOutsideControlNoTerminal() {
        var table = Table(["a"])
        table.add(["x\u{1B}[2J\u{9B}1m\r\n"])
        #expect(table.lines[1].unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
    }

    @Test func wideAndCombiningCharactersCount() {
        #expect(Table.width("温度") == 4)
        #expect(Table.width("e\u{301}") == 1)
        #expect(Table.width("°C") == 2)
    }

    // MARK: CSV

    @Test func whatNeedsQuotesGetsThem() {
        #expect(CSV.line(["a", "b,c", "d\"e", "f\ng", ""]) == Array("a,\"b,c\",\"d\"\"e\",\"f\ng\",\r\n".utf8))
    }

    @Test func noCellIsAFormula() {
        #expect(CSV.line(["=1+1", "@x", "+1", "-2", "-2+3"]) == Array("'=1+1,'@x,'+1,-2,'-2+3\r\n".utf8))
    }

    // MARK: The live table

    @Test(arguments: [(0, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_199_999, "119 min"), (7_200_000, "2 h"), (172_800_000, "2 d"), (-5, "0 s")])
    func agesAreRead(_ age: (Int, String)) {
        #expect(WatchScreen.age(milliseconds: Int64(age.0)) == age.1)
    }

    @Test func theScreenIsDrawnOverItself() {
        var screen = WatchScreen(style: .ascii)
        let first = screen.draw([], now: 0, note: "a note", columns: 40, rows: 24).text
        #expect(!first.contains("\u{1B}[2A"))
        let second = screen.draw([], now: 0, note: "a note that is much longer than the screen is wide", columns: 20, rows: 24).text
        #expect(second.hasPrefix("\u{1B}[2A"))
        #expect(second.contains("a note that is much \u{1B}[K"))
        // With fewer rows than lines nothing scrolls.
        let third = screen.draw([], now: 0, note: "a note", columns: 20, rows: 2).text
        #expect(third.split(separator: "\n").count == 2 && !third.contains("a note"))
    }

    // MARK: Numbers

    @Test func numbersAreWrittenAsTheyWereRead() {
        for text in ["0", "21.5", "-0.05", "24608722944", "1000", "0.001"] { #expect(Decimal(octets: Array(text.utf8))?.text == text) }
        #expect(Decimal(1, exponent: 40).text == "1e40")
        #expect(Decimal(1, exponent: -40).text == "1e-40")
        #expect(Decimal(octets: Array("-12.25".utf8))?.approximate == -12.25)
    }

    @Test func datesAreThoseOfTheDocuments() {
        #expect(Date.text(milliseconds: 1_795_257_320_123) == "2026-11-21T10:35:20.123Z")
    }
}
